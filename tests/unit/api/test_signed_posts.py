"""Where messages may go, and how they are signed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.integrations.signed_posts import ForbiddenAddressError, check_url, is_public, signature


def test_a_message_is_signed_as_the_standard_says() -> None:
    """The example is the one that implementations of Standard Webhooks are tested with."""
    secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://127.0.0.1/",
        "http://[::1]:80/",
        "http://localhost/",
        "http://a.localhost/",
        "http://exa mple.com/",
        "example.com",
    ],
)
def test_addresses_that_can_never_be_meant_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="not an address"):
        check_url(url, private=False)


def test_an_operator_may_allow_private_addresses_but_no_nonsense() -> None:
    check_url("http://127.0.0.1:8000/hook", private=True)
    check_url("https://example.com/hook?a=b", private=False)
    with pytest.raises(ForbiddenAddressError):
        check_url("file:///etc/passwd", private=True)
