"""Calls are the same when they compute the same, in whatever order a flow makes them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from njangi_flows.protocol import KnownCall, TaskState
from njangi_flows.tasks.identity import CallPlace, FunctionDefinition, Occurrences, Places, WaitNames, task_name

FIELDS = {"name": "f", "source": "def f(x): return x", "memory": 1}


def test_a_definition_is_another_with_other_code_or_resources() -> None:
    one = FunctionDefinition.of(FIELDS)
    assert FunctionDefinition.of(dict(reversed(FIELDS.items()))) == one
    others = [
        FunctionDefinition.of({**FIELDS, **change}) for change in ({"source": "def f(x): return 2"}, {"memory": 2})
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 3
    assert one.fields["digest"] == one.digest


def test_definitions_of_one_name_are_tasks_of_their_own() -> None:
    one, two, three = (FunctionDefinition.of({**FIELDS, "memory": memory}) for memory in (1, 2, 3))
    known: dict[str, str | None] = {"sleep-0": None}
    for definition, name in ((one, "f"), (two, "f~2"), (three, "f~3")):
        assert task_name(definition, known) == name
        known[name] = definition.digest
    assert [task_name(definition, known) for definition in (three, one, two)] == ["f~3", "f", "f~2"]
    assert task_name(one, {"f": None}) == "f~2", "one of an earlier version has no digest, and is none of ours"


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12), st.integers())
def test_a_second_start_adopts_what_equals_its_calls_and_nothing_else(
    first: list[str], second: list[str], seed: int
) -> None:
    places = Places("f")
    had = {places.take(contents).index: contents for contents in first}
    assert sorted(had) == list(range(len(first)))
    random.Random(seed).shuffle(second)
    again = Places("f", [KnownCall(index=index, contents=contents) for index, contents in had.items()])
    taken = [(contents, again.take(contents).index) for contents in second]
    assert len({index for _, index in taken}) == len(second), "no call has another one's place"
    for contents, index in taken:
        assert had.get(index, contents) == contents
    for contents in set(second):
        adopted = sum(index in had for name, index in taken if name == contents)
        assert adopted == min(first.count(contents), second.count(contents))


def test_a_call_that_failed_before_is_known_by_its_tries() -> None:
    places = Places("f", [KnownCall(index=4, contents="a", tries=2), KnownCall(index=7)])
    assert places.take("a") == CallPlace("f", 4, 2)
    assert places.take("a") == CallPlace("f", 8, 0), "what is there without contents keeps its place"


def test_equal_calls_have_names_of_their_own() -> None:
    one, two = Occurrences(), Occurrences()
    assert [one.name(key) for key in "aba"] == ["a/0", "b/0", "a/1"]
    assert sorted(two.name(key) for key in "aab") == ["a/0", "a/1", "b/0"]


def test_a_wait_is_the_one_from_before_that_waited_as_long() -> None:
    known = [
        TaskState(name="sleep-0", status="COMPLETED", plan={"until": None, "seconds": 1}),
        TaskState(name="sleep-1", status="RUNNING", plan={"until": None, "seconds": 60.0}),
        TaskState(name="wait-go-0", status="FAILED", plan={"until": None, "seconds": 5}),
        TaskState(name="wait-old-0", status="RUNNING", plan={"until": None}),
    ]
    names = WaitNames(known)
    taken = [names.take("sleep-", seconds) for seconds in (60, 60, 1, 2)]
    assert taken == ["sleep-1", "sleep-2", "sleep-0", "sleep-3"]
    assert names.take("wait-go-", 3600) == "wait-go-1", "a timeout that was mended takes effect"
    assert names.take("wait-go-", None) == "wait-go-2"
    assert [names.take("wait-old-", 7) for _ in range(2)] == ["wait-old-0", "wait-old-1"]
