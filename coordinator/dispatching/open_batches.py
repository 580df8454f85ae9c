"""Remember the batches that can be leased now, so that not every sync asks MongoDB."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from njangi_agent.protocol import Outcome

from coordinator.decisions.matching import Offer, Wish, asks_no_more, fits, worth_a_look
from coordinator.dispatching.allowances import Allowances
from coordinator.dispatching.definitions import Definitions, PackedDefinition
from storage.subtasks.models import Assignment, Bounds, Leased, OpenBatch, VolunteerReport
from storage.subtasks.store import SubtaskStore

BATCHES_LOOKED_AT = 200
MOST_LOOKS = 8
"""How often one group of syncs looks past the first batches for machines that none of these fits."""
REMEMBERED_TASKS = 10_000


class OpenBatches:
    """The first batches that can be lent, the most urgent first, as offers."""

    def __init__(self, subtasks: SubtaskStore, definitions: Definitions, allowances: Allowances) -> None:
        self._subtasks = subtasks
        self._definitions = definitions
        self._allowances = allowances
        self._owners: OrderedDict[str, str] = OrderedDict()  # by task id
        self._more = False  # whether there may be batches behind the offers
        self._nothing_for: list[Wish] = []  # wishes for which nothing was found there
        self.offers: list[Offer] = []
        self.stale = True
        """Whether the offers must be read again."""

    def owner(self, task_id: str) -> str:
        """Return the owner of a task that was offered; empty if it is not remembered."""
        return self._owners.get(task_id, "")

    def may_have_work(self, wish: Wish) -> bool:
        """Whether there may be something for the wish: among the offers, or behind them."""
        return self.stale or any(fits(offer, wish) for offer in self.offers) or self._may_be_behind(wish)

    def _may_be_behind(self, wish: Wish) -> bool:
        return self._more and not any(asks_no_more(wish, other) for other in self._nothing_for)

    async def read(self, wishes: Sequence[Wish]) -> None:
        """Read the offers if they are stale, and look further for wishes that none of them fits."""
        if self.stale:
            self.stale = False
            await self._allowances.load(set(self._allowances.room))
            self.offers, self._nothing_for = [], []
            batches = await self._subtasks.open_batches(BATCHES_LOOKED_AT, but=self._allowances.exhausted)
            self._more = len(batches) == BATCHES_LOOKED_AT
            self._offer(batches)
        if self._more:
            await self._look_further(wishes)
        await self._allowances.load({offer.owner for offer in self.offers} | self._allowances.room.keys())

    async def known_definitions(self) -> Mapping[str, PackedDefinition]:
        """Return the definitions of the tasks that may be lent now; what has none is left out until it has."""
        tasks = {offer.task_id for offer in self.offers}
        await self._definitions.load(tasks)
        known = {task_id: found for task_id in tasks if (found := self._definitions.get(task_id)) is not None}
        if len(known) < len(tasks):
            self.offers = [offer for offer in self.offers if offer.task_id in known]
        return known

    def account(self, assignments: Sequence[Assignment], leases: Sequence[Leased]) -> None:
        """Take what was lent off the batches remembered; read them again when they ran out or others took some."""
        lent: dict[str, int] = {}
        for assignment in assignments:
            lent[assignment.batch_id] = lent.get(assignment.batch_id, 0) + assignment.count
        if sum(lent.values()) != len(leases):
            self.stale = True
        full = len(self.offers) >= BATCHES_LOOKED_AT
        left = [replace(offer, queued=offer.queued - lent.get(offer.batch_id, 0)) for offer in self.offers]
        self.offers = [offer for offer in left if offer.queued > 0]
        if full and len(self.offers) < BATCHES_LOOKED_AT // 2:
            self.stale = True

    def _offer(self, batches: Sequence[OpenBatch]) -> None:
        """Add batches to those that may be lent, the most urgent first."""
        known = {offer.batch_id for offer in self.offers}
        self.offers += [
            Offer(
                batch.id,
                batch.task_id,
                batch.queued,
                batch.cpu,
                batch.memory,
                batch.storage,
                batch.owner,
                batch.priority,
            )
            for batch in batches
            if batch.id not in known
        ]
        self.offers.sort(key=lambda offer: (-offer.priority, offer.batch_id))
        self._definitions.forget_older({batch.task_id: batch.generation for batch in batches})
        for batch in batches:
            self._owners[batch.task_id] = batch.owner
            self._owners.move_to_end(batch.task_id)
        while len(self._owners) > REMEMBERED_TASKS:
            self._owners.popitem(last=False)

    async def _look_further(self, wishes: Sequence[Wish]) -> None:
        """Look past the first batches for those machines that can run none of them: what fits nobody blocks nobody."""
        for _ in range(MOST_LOOKS):
            left = [wish for wish in worth_a_look(wishes, self.offers) if self._may_be_behind(wish)]
            if not left:
                return
            wish = left[0]
            bounds = Bounds(max(wish.cpu, 1.0), wish.memory, wish.storage, wish.rests_from)
            found = await self._subtasks.open_batches(BATCHES_LOOKED_AT, but=self._allowances.exhausted, within=bounds)
            self._offer(found)
            if not found:
                self._nothing_for.append(wish)


class MeanDurations:
    """How long attempts at the subtasks of each task take: a moving mean, in seconds."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[str, float] = OrderedDict()

    def get(self, task_id: str) -> float | None:
        return self._seconds.get(task_id)

    def learn(self, reports: Sequence[VolunteerReport]) -> None:
        """Take the durations of attempts that returned a result."""
        for item in reports:
            if item.report.outcome is Outcome.RETURNED:
                task_id = item.report.subtask_id.rpartition("/")[0]
                known = self._seconds.get(task_id, item.report.seconds)
                self._seconds[task_id] = known + 0.1 * (item.report.seconds - known)
                self._seconds.move_to_end(task_id)
        while len(self._seconds) > REMEMBERED_TASKS:
            self._seconds.popitem(last=False)
