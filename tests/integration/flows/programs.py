"""Small Prefect flows, drawn at random: calls, submits, maps, threads, chains, duplicates, a retry in another order."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from njangi_flows import VolunteerTaskError
from prefect import Flow, flow
from prefect.futures import as_completed

from tests.travelling import VALUES


def same(value: Any) -> Any:
    return value


def pair(value: Any, *others: Any, mark: str = "-", **named: Any) -> Any:
    return (value, others, mark, named)


def counted(value: Any, /, times: int = 2) -> dict[int, Any]:
    return dict.fromkeys(range(times), value)


def refuses(value: Any) -> Any:
    raise LookupError(f"it refuses {type(value).__name__}")


def _one() -> Callable[..., Any]:
    def twin(value: Any) -> Any:
        return ["one", value]

    return twin


def _other() -> Callable[..., Any]:
    def twin(value: Any) -> Any:
        return ["other", value]

    return twin


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "same": same,
    "pair": pair,
    "counted": counted,
    "refuses": refuses,
    "one": _one(),
    "other": _other(),
}


@dataclass(frozen=True)
class Step:
    """Calls of one function: of each of `values`, or of what the step `after` gave."""

    how: str
    function: str
    values: tuple[Any, ...]
    after: int | None = None


@dataclass(frozen=True)
class Program:
    """What a flow does. With `fails_after` its first start raises after so many steps, and the second one differs.

    That goes through the steps in another order and leaves out, or gives other values to, some of them.
    """

    steps: tuple[Step, ...]
    fails_after: int | None
    seed: int

    def of_start(self, number: int) -> list[tuple[int, Step]]:
        """Return the steps of one start of the flow in their order, each after the one that it depends on."""
        if number == 1:
            return list(enumerate(self.steps))
        dice = random.Random(self.seed)
        order = list(range(len(self.steps)))
        dice.shuffle(order)
        left_out = {at for at in order if dice.random() < 0.2}
        chosen: dict[int, Step] = {}

        def choose(at: int) -> None:
            step = self.steps[at]
            if step.after is not None:
                choose(step.after)
            if at not in chosen:
                values = step.values[::-1] if dice.random() < 0.5 else (*step.values, dice.randrange(3))
                chosen[at] = Step(step.how, step.function, values if dice.random() < 0.7 else step.values, step.after)

        for at in order:
            if at not in left_out:
                choose(at)
        return list(chosen.items())


HOW = ("call", "submit", "map", "threads", "as_completed")


@st.composite
def programs(draw: st.DrawFn, longest: int) -> Program:
    """Draw a program of at most `longest` steps."""
    steps: list[Step] = []
    pool = draw(st.lists(VALUES, min_size=1, max_size=3))
    for at in range(draw(st.integers(1, longest))):
        values = tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3)))
        after = draw(st.none() | st.integers(0, at - 1)) if at else None
        steps.append(Step(draw(st.sampled_from(HOW)), draw(st.sampled_from(sorted(FUNCTIONS))), values, after))
    return Program(tuple(steps), draw(st.none() | st.integers(0, len(steps))), draw(st.integers(0, 2**16)))


def flow_of(program: Program, tasks: Mapping[str, Any]) -> Flow[[], dict[str, Any]]:
    """Return the flow, whose calls are of `tasks`; it gives what became of each step."""
    starts = 0

    @flow(name="drawn", retries=program.fails_after is not None, retry_delay_seconds=0, persist_result=False)
    def drawn() -> dict[str, Any]:
        nonlocal starts
        starts += 1
        begun: dict[int, list[Any]] = {}
        for done, (at, step) in enumerate(program.of_start(starts)):
            if starts == 1 and done == program.fails_after:
                raise RuntimeError("the first start fails")
            inputs = list(step.values) if step.after is None else begun[step.after]
            begun[at] = _begin(step.how, tasks[step.function], inputs)
        if starts == 1 and program.fails_after == len(program.steps):
            raise RuntimeError("the first start fails")
        return {str(at): [outcome(item) for item in items] for at, items in begun.items()}

    return drawn


def _begin(how: str, task: Any, inputs: list[Any]) -> list[Any]:
    """Make the calls; return their futures, or what became of them."""
    if how == "submit":
        return [_submit(task, value) for value in inputs]
    values = [outcome(value) for value in inputs]
    if how == "map":
        return list(task.map(values))
    if how == "threads":
        with ThreadPoolExecutor(len(values)) as pool:
            return list(pool.map(lambda work: work(), [_in_a_context(task, value) for value in values]))
    if how == "as_completed":
        places = {_submit(task, value): at for at, value in enumerate(values)}
        found = {places[future]: outcome(future) for future in as_completed(list(places))}
        return [found[at] for at in range(len(values))]
    return [outcome(lambda value=value: task(value)) for value in values]


def _submit(task: Any, value: Any) -> Any:
    more = {"mark": "+", "extra": [value]} if task.name == "pair" else {}
    return task.submit(value, *[value] * len(more), **more)


def _in_a_context(task: Any, value: Any) -> Callable[[], Any]:
    context = copy_context()
    return lambda: context.run(outcome, lambda: task(value))


def outcome(item: Any) -> Any:
    """Return what a future or a call gives, or the name of the error that it raises."""
    try:
        if callable(item):
            return item()
        return item.result() if hasattr(item, "result") else item
    except VolunteerTaskError as error:
        return f"raises {error.type}"
    except Exception as error:
        return f"raises {type(error).__name__}"
