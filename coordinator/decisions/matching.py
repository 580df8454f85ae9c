"""Decide which idle volunteers get how many subtasks of which batches.

Whole batches are matched, not single subtasks: the subtasks of a batch ask the same of a machine,
so the work here grows with batches looked at and wishes, never with queued subtasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

LEASE_SECONDS_OF_WORK = 1.0
"""How much work a slot is lent at once when subtasks are short: enough to hide the round trip."""
MOST_PER_SLOT = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """A volunteer with `slots` idle slots and what its machine offers. Sizes in bytes.

    `rests_from` are the ids of tasks that it has just refused.
    """

    volunteer_id: str
    slots: int
    cpu: float
    memory: int
    storage: int
    rests_from: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch with `queued` subtasks to lend and what each demands. Sizes in bytes."""

    batch_id: str
    task_id: str
    queued: int
    cpu: float
    memory: int
    storage: int
    owner: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    wish: int  # its place among the wishes
    offer: Offer
    count: int


def fits(offer: Offer, wish: Wish) -> bool:
    """Whether the machine can run one subtask of the batch in one of its slots, and does not rest from the task."""
    if offer.task_id in wish.rests_from:
        return False
    return offer.cpu <= max(wish.cpu, 1.0) and offer.memory <= wish.memory and offer.storage <= wish.storage


def worth_a_look(wishes: Sequence[Wish], offers: Sequence[Offer]) -> list[Wish]:
    """Return wishes that none of the offers fits, in the order in which to look for others.

    What fits the smallest machine fits all larger ones, and where the largest finds nothing no other does.
    """
    left = sorted(
        (wish for wish in wishes if not any(fits(offer, wish) for offer in offers)),
        key=lambda wish: (wish.memory, wish.cpu, wish.storage),
    )
    return left if len(left) < 3 else [left[0], left[-1], *left[1:-1]]


def asks_no_more(wish: Wish, other: Wish) -> bool:
    """Whether nothing can fit `wish` where nothing fits `other`."""
    smaller = wish.cpu <= other.cpu and wish.memory <= other.memory and wish.storage <= other.storage
    return smaller and wish.rests_from >= other.rests_from


def per_slot(seconds: float | None, queued: int, slots: int) -> int:
    """Return how many subtasks to lend a slot at once.

    `seconds` is what one takes (None: not known yet, so one), `queued` what waits of their kind and
    `slots` how many slots compete for it. Never more than half an even share, so that the last
    leases are small and volunteers finish together: factoring, ceil(R / 2P) (Hummel 1992, CACM 35).
    """
    if seconds is None:
        return 1
    enough = math.ceil(LEASE_SECONDS_OF_WORK / max(seconds, 1e-4))
    share = math.ceil(queued / (2 * max(slots, 1)))
    return max(1, min(enough, share, MOST_PER_SLOT))


def match(
    wishes: Sequence[Wish],
    offers: Sequence[Offer],
    seconds: Callable[[str], float | None],
    slots: int,
    room: Mapping[str, int] | None = None,
) -> list[Match]:
    """Serve wishes in their order from offers in theirs (most urgent first).

    `seconds` gives the mean time of a task's attempts by task id; `slots` counts the slots at work
    in the whole service. `room` is how many more subtasks of an owner may be lent, of owners with a limit alone.
    """
    room_left = dict(room or {})
    left = {offer.batch_id: offer.queued for offer in offers}
    queued_of: dict[str, int] = {}
    for offer in offers:
        queued_of[offer.task_id] = queued_of.get(offer.task_id, 0) + offer.queued
    matches: list[Match] = []
    open_offers = list(offers)
    for place, wish in enumerate(wishes):
        idle = wish.slots
        for offer in open_offers:
            if idle <= 0:
                break
            most = min(left[offer.batch_id], room_left.get(offer.owner, offer.queued))
            if most <= 0 or not fits(offer, wish):
                continue
            each = per_slot(seconds(offer.task_id), queued_of[offer.task_id], slots)
            count = min(most, idle * each)
            left[offer.batch_id] -= count
            if offer.owner in room_left:
                room_left[offer.owner] -= count
            queued_of[offer.task_id] -= count
            idle -= math.ceil(count / each)
            matches.append(Match(place, offer, count))
        open_offers = [offer for offer in open_offers if left[offer.batch_id] > 0]
        if not open_offers:
            break
    return matches
