"""Who gets how much of what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decisions.matching import MOST_PER_SLOT, Offer, Wish, match, per_slot

GIB = 2**30


def offer(id_: str = "b", queued: int = 10, *, memory: int = GIB, cpu: float = 1.0) -> Offer:
    return Offer(id_, "r/t", queued, cpu, memory, GIB)


def wish(id_: str = "v", slots: int = 1, *, memory: int = 4 * GIB, cpu: float = 2.0) -> Wish:
    return Wish(id_, slots, cpu, memory, 10 * GIB)


@pytest.mark.parametrize(
    ("seconds", "queued", "slots", "expected"),
    [
        pytest.param(None, 1000, 1, 1, id="unknown length: one"),
        pytest.param(60.0, 1000, 1, 1, id="long work: one"),
        pytest.param(0.1, 1000, 1, 10, id="short work: a second of it"),
        pytest.param(0.001, 100, 5, 10, id="never more than half an even share"),
        pytest.param(0.0, 10**6, 1, MOST_PER_SLOT, id="bounded"),
        pytest.param(0.001, 1, 8, 1, id="the last one"),
    ],
)
def test_how_much_a_slot_is_lent(seconds: float | None, queued: int, slots: int, expected: int) -> None:
    assert per_slot(seconds, queued, slots) == expected


def test_the_most_urgent_batch_that_fits_goes_first() -> None:
    offers = [offer("huge", memory=64 * GIB), offer("urgent", 1), offer("later", 5)]
    matches = match([wish(slots=3)], offers, lambda task: None, 3)
    assert [(item.offer.batch_id, item.count) for item in matches] == [("urgent", 1), ("later", 2)]


def test_a_machine_of_one_core_may_still_run_a_task_of_one_core() -> None:
    assert match([wish(cpu=1)], [offer(cpu=1.0)], lambda task: None, 1)
    assert not match([wish(cpu=1)], [offer(cpu=2.0)], lambda task: None, 1)


@given(
    st.lists(st.integers(0, 50), max_size=10),
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=10),
    st.one_of(st.none(), st.floats(0, 100)),
)
def test_nothing_is_promised_twice_nor_to_a_machine_that_cannot(
    queued: list[int], machines: list[tuple[int, int]], seconds: float | None
) -> None:
    offers = [offer(f"b{i}", count, memory=(i % 4) * GIB) for i, count in enumerate(queued)]
    wishes = [wish(f"v{i}", slots, memory=memory * GIB) for i, (slots, memory) in enumerate(machines)]
    matches = match(wishes, offers, lambda task: seconds, 5)
    for item in offers:
        assert sum(found.count for found in matches if found.offer is item) <= item.queued
    for found in matches:
        assert found.count >= 1
        assert found.offer.memory <= wishes[found.wish].memory
    left = sum(queued) - sum(found.count for found in matches)
    idle = [
        place
        for place, item in enumerate(wishes)
        if item.memory >= 3 * GIB and all(found.wish != place for found in matches)
    ]
    assert not (left and idle), "a machine that fits everything stays idle only when nothing is left"


def test_no_owner_is_lent_more_than_it_may_have() -> None:
    offers = [
        Offer("full", "r/t", 10, 1.0, GIB, GIB, "ada"),
        Offer("some", "s/t", 10, 1.0, GIB, GIB, "kofi"),
        Offer("more", "s/u", 10, 1.0, GIB, GIB, "kofi"),
        Offer("free", "u/t", 10, 1.0, GIB, GIB, "esi"),
    ]
    matches = match([wish("v", 3), wish("w", 4)], offers, lambda task: None, 7, {"ada": 0, "kofi": 4})
    assert [(item.wish, item.offer.batch_id, item.count) for item in matches] == [
        (0, "some", 3),
        (1, "some", 1),
        (1, "free", 3),
    ]
