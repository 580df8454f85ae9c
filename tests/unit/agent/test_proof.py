"""What a proof says: this answer, to this request, by the service that knows the secret."""

from __future__ import annotations

from njangi_agent.proof import key_of, proof


def test_a_proof_is_good_for_one_secret_one_request_one_status_and_one_blob() -> None:
    ours = (key_of("secret"), "nonce", 201, "ab" * 32)
    others = [
        (key_of("another secret"), *ours[1:]),
        (ours[0], "another nonce", *ours[2:]),
        (*ours[:2], 200, ours[3]),
        (*ours[:3], "cd" * 32),
        (*ours[:3], ""),
    ]
    assert len({proof(*parts) for parts in (ours, *others)}) == 6
