"""Lists: every page along an index, nothing shown twice, nothing left out, to each reader what is theirs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage.errors import BadPageTokenError
from storage.listing import Filter, Listing, Page, Sort
from storage.runs.models import NewRun, RunStatus
from storage.runs.store import SORTS as RUN_SORTS
from storage.stores import Stores
from storage.workflows.store import SORTS as WORKFLOW_SORTS
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)
NEWEST = Sort("created_at", descending=True)
ENDED = ["COMPLETED", "FAILED", "CANCELLED"]


def filters(*equal: tuple[str, Any], readers: bool = True) -> Iterator[Filter]:
    """Yield each criterion alone, all pairs of them, and those for one reader."""
    single = [
        {},
        {"name": "a"},
        {"prefix": "w"},
        {"text": "x"},
        {"since": NOON, "until": NOON + MINUTE},
        *({"equal": {name: value}} for name, value in equal),
    ]
    for one, other in itertools.combinations_with_replacement(single, 2):
        both = one | other
        if "equal" in one and "equal" in other:
            both["equal"] = {**one["equal"], **other["equal"]}
        yield Filter(**both)
        if readers:
            yield Filter(**both, reader="ada")


def stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for value in plan.values():
            yield from stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from stages(value)


async def check(listing: Listing, collection: Any, sorts: tuple[str, ...], of: Iterator[Filter]) -> None:
    tokens = {
        sort: (await listing.page(Filter(), sort, Page(1)))[1]
        for sort in (Sort(name, descending) for name in sorts for descending in (True, False))
    }
    assert None not in tokens.values(), "the lists must go on, or their later pages are not looked at"
    for filter_, (sort, token) in itertools.product(list(of), tokens.items()):
        for page in (Page(), Page(token=token)):
            for part in listing.parts(filter_, sort, page):
                cursor = collection.find(part.query, hint=part.index).sort(part.order).limit(10)
                plan = (await cursor.explain())["queryPlanner"]["winningPlan"]
                used = set(stages(plan))
                assert "IXSCAN" in used and not used & {"COLLSCAN", "SORT"}, (sort, part, used)


async def a_run(stores: Stores, name: str, **fields: Any) -> str:
    number = fields.pop("minute", 0)
    new = NewRun(fields.pop("workflow", "w1"), name, 1, fields.pop("owner", "ada"), 50, {}, {}, {})
    run = await stores.runs.add(replace(new, **fields), [], now=NOON + number * MINUTE)
    return run.id


async def pages(stores: Stores, filter_: Filter, sort: Sort, size: int) -> list[str]:
    found: list[str] = []
    token: str | None = None
    while True:
        runs, token = await stores.runs.page(filter_, sort, Page(size, token))
        assert len(runs) <= size
        found += [run.id for run in runs]
        if token is None:
            return found


async def test_no_list_of_runs_is_scanned_or_sorted_in_memory(stores: Stores) -> None:
    for number in range(3):
        await a_run(stores, f"w{number}", minute=number, tags=["x"])
    equal = [("status", ENDED), ("owner", "ada"), ("tags", "x"), ("workflow_id", "w1"), ("priority", 50)]
    await check(stores.runs.listing, stores.database["runs"], RUN_SORTS, filters(*equal))


async def test_no_list_of_workflows_is_scanned_or_sorted_in_memory(stores: Stores) -> None:
    for number in range(3):
        document = {"_id": f"w{number}", "name": "w", "owner": "ada", "readers": ["ada"], "tags": ["x"], "priority": 50}
        times = {"created_at": NOON, "updated_at": NOON}
        await stores.database["workflows"].insert_one(document | times)
    equal = [("status", ["VALIDATED"]), ("owner", "ada"), ("tags", "x"), ("archived_at", None)]
    await check(stores.workflows.listing, stores.database["workflows"], WORKFLOW_SORTS, filters(*equal))


async def test_no_list_of_schedules_volunteers_or_subtasks_is_scanned_or_sorted_in_memory(stores: Stores) -> None:
    for number in range(3):
        document = {"_id": f"d{number}", "name": "d", "workflow_id": "w1", "owner": "ada"}
        await stores.database["schedules"].insert_one(document | {"created_at": NOON})
        await stores.database["volunteers"].insert_one(document | {"last_seen": NOON})
    equal = [("workflow_id", "w1"), ("owner", "ada"), ("paused", True)]
    of_schedules = filters(*equal, readers=False)
    await check(stores.schedules.listing, stores.database["schedules"], ("created_at",), of_schedules)
    of_volunteers = filters(readers=False)
    await check(stores.volunteers.listing, stores.database["volunteers"], ("last_seen", "name"), of_volunteers)
    query = {"parent_task_id": "r1/t", "index": {"$gt": 5}, "status": "FAILED"}
    plan = (await stores.database["tasks"].find(query).sort("index", 1).limit(5).explain())["queryPlanner"]
    assert not set(stages(plan["winningPlan"])) & {"COLLSCAN", "SORT"}


async def test_pages_show_everything_once_though_many_share_a_value(stores: Stores) -> None:
    made = [await a_run(stores, "ab"[number % 2], minute=number % 3, priority=number % 2 * 10) for number in range(7)]
    for name, descending in itertools.product(RUN_SORTS, (True, False)):
        whole = await pages(stores, Filter(), Sort(name, descending), 100)
        assert sorted(whole) == sorted(made)
        for size, reader in itertools.product((1, 2, 3, 7), (None, "ada")):
            assert await pages(stores, Filter(reader=reader), Sort(name, descending), size) == whole, (name, size)


async def test_a_reader_sees_what_is_theirs_and_what_is_everybodys(stores: Stores) -> None:
    mine = await a_run(stores, "mine", owner="ada")
    shared = await a_run(stores, "shared", owner="kofi", readers=["ada"], minute=1)
    public = await a_run(stores, "public", owner="kofi", readers=["*"], minute=2)
    secret = await a_run(stores, "secret", owner="kofi", minute=3)
    assert await pages(stores, Filter(reader="ada"), NEWEST, 2) == [public, shared, mine]
    assert await pages(stores, Filter(reader="eve"), NEWEST, 2) == [public]
    assert await pages(stores, Filter(), NEWEST, 2) == [secret, public, shared, mine]


SELECTED = {
    "prefix": (Filter(prefix="al"), ["alpha"]),
    "part of the name": (Filter(name="LPH"), ["alpha"]),
    "no pattern": (Filter(name="."), []),
    "text in a tag": (Filter(text="matter"), ["beta"]),
    "tag": (Filter(equal={"tags": "dark"}), ["beta"]),
    "tag and prefix": (Filter(equal={"tags": "dark"}, prefix="al"), []),
    "status": (Filter(equal={"status": [RunStatus.SUBMITTED]}), ["beta", "alpha"]),
    "another status": (Filter(equal={"status": [RunStatus.FAILED]}), []),
    "workflow": (Filter(equal={"workflow_id": "w2"}), ["beta"]),
    "since, included": (Filter(since=NOON + MINUTE), ["beta"]),
    "until, not included": (Filter(until=NOON + MINUTE), ["alpha"]),
}


async def test_a_filter_selects_what_it_says(stores: Stores) -> None:
    await a_run(stores, "alpha")
    await a_run(stores, "beta", minute=1, tags=["dark matter", "dark"], workflow="w2")
    for name, (filter_, expected) in SELECTED.items():
        found, _ = await stores.runs.page(filter_, NEWEST, Page())
        assert [run.name for run in found] == expected, name
        assert await stores.runs.listing.ids(filter_, limit=10) == [run.id for run in found], name


async def test_a_token_that_this_list_never_gave_is_refused(stores: Stores) -> None:
    for unknown in ("", "x", "bm8", "WzEsMl0", "ä"):
        with pytest.raises(BadPageTokenError):
            await stores.runs.page(Filter(), NEWEST, Page(10, unknown))
    for number in range(2):
        await a_run(stores, "w", minute=number)
    _, token = await stores.runs.page(Filter(), NEWEST, Page(1))
    with pytest.raises(BadPageTokenError):
        await stores.runs.page(Filter(), Sort("name"), Page(1, token))
