"""Check owners' quotas before anything is written, and report how much of them is used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set

from coordinator.decisions.quotas import Quota, QuotaUsage, overridden, room
from storage.errors import QuotaExceededError
from storage.ledger import Transaction
from storage.people.users import Account, Role
from storage.stores import Stores

_UNLIMITED = Quota()


class Quotas:
    """`defaults`: of each role; admins may set others for a user. Roles that are not in it have no limits."""

    def __init__(self, stores: Stores, defaults: Mapping[Role, Quota]) -> None:
        self._stores = stores
        self._defaults = defaults

    async def of(self, owner: str) -> Quota:
        """Return what counts for an owner; who is no user (a volunteer that stores results) has no limits."""
        return (await self._of({owner}))[owner]

    async def _of(self, owners: Set[str]) -> Mapping[str, Quota]:
        known = {account.name: account for account in await self._stores.users.find(owners)}
        return {owner: self._counts(known.get(owner)) for owner in owners}

    def _counts(self, account: Account | None) -> Quota:
        if account is None:
            return _UNLIMITED
        return overridden(self._defaults.get(account.role, _UNLIMITED), account.quota)

    async def usage(self, owner: str) -> QuotaUsage:
        """Return what an owner has now."""
        usage = self._stores.usage
        workflows, runs, subtasks, stored = await asyncio.gather(
            usage.workflows(owner),
            usage.runs(owner),
            usage.subtasks([owner]),
            self._stores.blobs.stored_bytes(owner),
        )
        return QuotaUsage(workflows, runs, subtasks[owner].queued, subtasks[owner].leased, stored)

    async def leased(self, owners: Set[str]) -> Mapping[str, int | None]:
        """Return how many subtasks of each owner may be lent at a time."""
        return {owner: quota.leased for owner, quota in (await self._of(owners)).items()}

    async def one_more_workflow(self, tx: Transaction, owner: str, quota: Quota) -> None:
        """Within the transaction that writes it, raise QuotaExceededError if the owner may have no further workflow."""
        if quota.workflows is not None:
            await self._stores.usage.hold(tx, owner)
            _check("workflows", quota.workflows, await self._stores.usage.workflows(owner, tx.session))

    async def one_more_run(self, tx: Transaction, owner: str, quota: Quota) -> None:
        """Within the transaction that writes it, raise QuotaExceededError if the owner may have no further run."""
        if quota.runs is not None:
            await self._stores.usage.hold(tx, owner)
            _check("runs", quota.runs, await self._stores.usage.runs(owner, tx.session))

    async def may_begin_again(self, owner: str) -> None:
        """Raise QuotaExceededError if the owner may have no further run go on."""
        quota = await self.of(owner)
        if quota.runs is not None:
            _check("runs", quota.runs, await self._stores.usage.runs(owner))

    async def may_queue(self, owner: str) -> None:
        """Raise QuotaExceededError, which tells to wait, while as many subtasks wait as may.

        It counts what waits before: one call may go beyond by what it brings, so that any call fits sometime.
        """
        quota = await self.of(owner)
        if quota.queued is not None:
            used = (await self._stores.usage.subtasks([owner]))[owner].queued
            if used >= quota.queued:
                raise QuotaExceededError("queued", used, quota.queued, later=True)

    async def may_store(self, owner: str, size: int | None) -> int | None:
        """Return how many bytes the owner may still store, None without a limit. Raises QuotaExceededError.

        `size`: of what it wants to store, in bytes, if that is known.
        """
        quota = await self.of(owner)
        if quota.stored_bytes is None:
            return None
        used = await self._stores.blobs.stored_bytes(owner)
        left = room(quota.stored_bytes, used) or 0
        if left <= 0 or (size or 0) > left:
            raise QuotaExceededError("stored_bytes", used, quota.stored_bytes)
        return left


def _check(what: str, allowed: int, used: int) -> None:
    if used >= allowed:
        raise QuotaExceededError(what, used, allowed)
