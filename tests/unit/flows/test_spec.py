import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from njangi_agent.sandbox import limits
from njangi_flows.engine import compile as compiler
from njangi_flows.workflow import model
from njangi_flows.workflow.spec import (
    InvalidSpecError,
    Problem,
    Tolerance,
    WorkflowSpec,
    accepted,
    load,
    needed_files,
    parse,
    run_parameters,
    warnings,
)

FILES = ["factor.py", "exponents.txt", "tasks.py", "a.csv", "b.csv"]


def a_workflow(*tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": list(tasks) or [a_task()], **fields}


def a_task(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"name": name, **({} if "python" in fields else {"command": "true"}), **fields}


def problems(document: object) -> list[Problem]:
    with pytest.raises(InvalidSpecError) as caught:
        parse(document, files=FILES)
    return caught.value.problems


def test_a_workflow_as_the_design_writes_it() -> None:
    spec = parse(
        load("""
            name: mersenne-factors
            tags: [number-theory]
            inputs: {exponents: exponents.txt}
            tasks:
              - name: factor
                command: python3 factor.py {part} 'two words' {{a}}
                files: [factor.py]
                split: {lines: exponents, items_per_subtask: auto}
                resources: {cpu: 1, memory: 256MiB, storage: 1.5GB}
                timeouts: {start_to_close: 1h30m, heartbeat: 30s}
                retry: {maximum_attempts: 4, initial_interval: 500ms, backoff_coefficient: 2.0, non_retryable: [Bad]}
                tolerated_failure: 5%
                aggregate: {concat: lines}
              - name: report
                dependencies: [factor]
                command: [python3, report.py, "{factor.result}"]
        """),
        files=FILES,
    )
    factor, report = spec.tasks
    assert factor.command == ["python3", "factor.py", "{part}", "two words", "{{a}}"]
    assert (factor.resources.memory, factor.resources.storage) == (256 * 2**20, 1_500_000_000)
    assert (factor.timeouts.start_to_close, factor.retry.initial_interval) == (5400.0, 0.5)
    assert factor.tolerated_failure == Tolerance(percentage=5.0)
    assert factor.aggregate is not None and factor.aggregate.kind == "lines"
    assert report.aggregate is None and report.retry.maximum_attempts == 3
    assert needed_files(spec) == {"exponents.txt", "factor.py"}


def test_a_document_that_was_accepted_before_is_read_without_looking_at_its_names_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = {"name": "w", "tasks": [{"name": "a", "command": "cat f", "files": ["f"]}]}
    before = parse(document, files=["f"])
    monkeypatch.setattr("njangi_flows.workflow.checks.problems", None)
    assert accepted(document, files=["f"]) == before
    monkeypatch.undo()
    with pytest.raises(InvalidSpecError, match="/tasks/0/name"):
        accepted({**document, "tasks": [{"name": 1, "command": "true"}]}, files=["f"])


def test_a_split_without_an_aggregate_is_a_list() -> None:
    [task] = parse(a_workflow(a_task(split={"range": 3})), files=()).tasks
    assert task.aggregate is not None and task.aggregate.kind == "list"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, (None, 600.0, None, 30.0), id="nothing said"),
        pytest.param({"schedule_to_close": "5m"}, (None, 300.0, 300.0, 30.0), id="an attempt fits into the whole"),
        pytest.param({"schedule_to_close": "1h"}, (None, 600.0, 3600.0, 30.0), id="the whole is longer"),
        pytest.param({"schedule_to_start": "2d", "heartbeat": "1h"}, (172800.0, 600.0, None, 3600.0), id="patient"),
        pytest.param({"schedule_to_start": None, "schedule_to_close": None}, (None, 600.0, None, 30.0), id="no limit"),
    ],
)
def test_the_four_timeouts_of_a_task(given: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    [task] = parse(a_workflow(a_task(timeouts=given)), files=()).tasks
    found = task.timeouts
    assert (
        found.schedule_to_start,
        found.start_to_close,
        found.schedule_to_close,
        found.heartbeat,
    ) == expected


def test_tasks_inherit_priority_and_tolerance_that_they_do_not_set() -> None:
    document = a_workflow(
        a_task("a"), a_task("b", priority=1, tolerated_failure=0), priority=90, tolerated_failure="10%"
    )
    a, b = parse(document, files=()).tasks
    assert (a.priority, a.tolerated_failure.allowed(50)) == (90, 5)
    assert (b.priority, b.tolerated_failure.allowed(50)) == (1, 0)


@pytest.mark.parametrize(
    ("document", "pointer", "detail"),
    [
        pytest.param([], "", "must be an object", id="a-list"),
        pytest.param({"name": "w"}, "/tasks", "is required", id="no-tasks"),
        pytest.param(a_workflow() | {"tasks": []}, "/tasks", "at least 1", id="empty-tasks"),
        pytest.param(a_workflow(prioritty=1), "/prioritty", "did you mean 'priority'?", id="unknown-field"),
        pytest.param(a_workflow(priority=101), "/priority", "100 or less", id="priority-too-high"),
        pytest.param(a_workflow(priority=True), "/priority", "must be a whole number, not true", id="bool"),
        pytest.param(a_workflow(a_task("A b")), "/tasks/0/name", "must be 1 to 64 of a-z", id="task-name"),
        pytest.param(a_workflow(a_task(), a_task()), "/tasks/1/name", "already the name of /tasks/0", id="twice"),
        pytest.param(
            a_workflow({"name": "a"}),
            "/tasks/0",
            "exactly one of command, python, wait, sleep, workflow, not none",
            id="no-command",
        ),
        pytest.param(
            a_workflow(a_task(command="x", python={"source": "", "function": "f"})),
            "/tasks/0",
            "not command and python",
            id="command-and-python",
        ),
        pytest.param(a_workflow(a_task(command="a 'b")), "/tasks/0/command", "give a list", id="open-quote"),
        pytest.param(a_workflow(a_task(command="")), "/tasks/0/command", "at least 1", id="empty-command"),
        pytest.param(a_workflow(a_task(command=[1])), "/tasks/0/command/0", "must be text, not 1", id="number-arg"),
        pytest.param(
            a_workflow(a_task(python={"function": "f"})), "/tasks/0/python", "give either file", id="python-of-nothing"
        ),
        pytest.param(
            a_workflow(a_task(python={"file": "nope.py", "function": "f"})),
            "/tasks/0/python/file",
            "'nope.py' is not attached to the workflow",
            id="python-file",
        ),
        pytest.param(
            a_workflow(a_task(python={"source": "", "function": "f"}, parse="json")),
            "/tasks/0/parse",
            "only a command's output",
            id="parse-of-python",
        ),
        pytest.param(
            a_workflow(a_task(resources={"cpu": -1})),
            "/tasks/0/resources/cpu",
            "more than 0, not -1",
            id="cpu",
        ),
        pytest.param(
            a_workflow(a_task(resources={"memory": "1 pony"})), "/tasks/0/resources/memory", '"256MiB"', id="pony"
        ),
        pytest.param(
            a_workflow(a_task(resources={"memry": 1})),
            "/tasks/0/resources/memry",
            "did you mean 'memory'?",
            id="unknown-resource",
        ),
        pytest.param(
            a_workflow(a_task(timeouts={"heartbeat": "soon"})), "/tasks/0/timeouts/heartbeat", '"1h30m"', id="duration"
        ),
        pytest.param(
            a_workflow(a_task(timeouts={"schedule_to_close": "5m", "start_to_close": "6m"})),
            "/tasks/0/timeouts/start_to_close",
            "must not be longer than schedule_to_close, which is 300 seconds",
            id="an attempt longer than the whole",
        ),
        pytest.param(
            a_workflow(a_task(timeouts={"schedule_to_close": "1h", "schedule_to_start": "2h"})),
            "/tasks/0/timeouts/schedule_to_start",
            "must not be longer than schedule_to_close",
            id="a wait longer than the whole",
        ),
        pytest.param(
            a_workflow(a_task(timeouts={"schedule_to_close": 0})),
            "/tasks/0/timeouts/schedule_to_close",
            "must be more than 0",
            id="no time at all",
        ),
        pytest.param(
            a_workflow(a_task(retry={"maximum_attempts": 0})),
            "/tasks/0/retry/maximum_attempts",
            "1 or more",
            id="try",
        ),
        pytest.param(
            a_workflow(a_task(tolerated_failure="101%")), "/tasks/0/tolerated_failure", "percentage", id="101-percent"
        ),
        pytest.param(a_workflow(a_task(aggregate="list")), "/tasks/0/aggregate", "only a task with", id="alone"),
        pytest.param(
            a_workflow(a_task(split={"range": 2}, aggregate="summ")),
            "/tasks/0/aggregate",
            "did you mean 'sum'?",
            id="unknown-aggregate",
        ),
        pytest.param(a_workflow(a_task(split={})), "/tasks/0/split", "exactly one of range", id="split-of-nothing"),
        pytest.param(
            a_workflow(a_task(split={"range": 2, "items": [1]})), "/tasks/0/split", "range and items", id="two-splits"
        ),
        pytest.param(a_workflow(a_task(split={"range": 0})), "/tasks/0/split/range", "1 to 1,000,000", id="no-range"),
        pytest.param(
            a_workflow(a_task(split={"range": {"start": 0, "stop": 9, "step": 0}})),
            "/tasks/0/split/range",
            "step must not be 0",
            id="no-step",
        ),
        pytest.param(
            a_workflow(a_task(split={"range": {"start": 0}})), "/tasks/0/split/range/stop", "is required", id="no-stop"
        ),
        pytest.param(
            a_workflow(a_task(split={"grid": {x: list(range(200)) for x in "abc"}})),
            "/tasks/0/split/grid",
            "at most 1,000,000",
            id="endless-grid",
        ),
        pytest.param(
            a_workflow(a_task(split={"range": 2, "items_per_subtask": 0})),
            "/tasks/0/split/items_per_subtask",
            '"auto"',
            id="no-items-per-subtask",
        ),
        pytest.param(
            a_workflow(a_task(split={"lines": "exponent"}), inputs={"exponents": "exponents.txt"}),
            "/tasks/0/split/lines",
            "did you mean 'exponents'?",
            id="split-over-unknown-input",
        ),
        pytest.param(
            a_workflow(a_task(split={"files": "*.png"}), files=["a.csv"]),
            "/tasks/0/split/files",
            "no file or input of the workflow matches '*.png'; there are: a.csv",
            id="pattern-of-nothing",
        ),
        pytest.param(
            a_workflow(inputs={"x": "nope.txt"}), "/inputs/x", "is not attached to the workflow", id="input-file"
        ),
        pytest.param(a_workflow(inputs={"x": "../x"}), "/inputs/x", "beside the workflow", id="file-outside"),
        pytest.param(
            a_workflow(a_task(files=["factr.py"])), "/tasks/0/files/0", "did you mean 'factor.py'?", id="task-file"
        ),
        pytest.param(
            a_workflow(a_task(dependencies=["b"]), a_task("bb")),
            "/tasks/0/dependencies/0",
            "there is no task 'b'; did you mean 'bb'?",
            id="unknown-dependency",
        ),
        pytest.param(
            a_workflow(a_task(dependencies=["a"])),
            "/tasks/0/dependencies",
            "'a' depends on itself",
            id="itself",
        ),
        pytest.param(
            a_workflow(
                a_task("a", dependencies=["b"]), a_task("b", dependencies=["c"]), a_task("c", dependencies=["a"])
            ),
            "/tasks/0/dependencies",
            "circular dependency: a -> b -> c -> a",
            id="cycle",
        ),
        pytest.param(
            a_workflow(a_task(command="x {bond}"), parameters={"bound": 1}),
            "/tasks/0/command/1",
            "{bond} does not refer to anything; did you mean 'bound'?",
            id="placeholder",
        ),
        pytest.param(
            a_workflow(a_task(command="x {weather}"), parameters={"bound": 1}),
            "/tasks/0/command/1",
            "{weather} does not refer to anything; here it could refer to: bound",
            id="placeholder like no other",
        ),
        pytest.param(
            a_workflow(a_task(command="x {bond}")),
            "/tasks/0/command/1",
            "{bond} does not refer to anything",
            id="nothing to name",
        ),
        pytest.param(
            a_workflow(a_task("a"), a_task("b", command="x {a.result}")),
            "/tasks/1/command/1",
            "'a' must be one of this task's dependencies",
            id="result-without-dependency",
        ),
        pytest.param(
            a_workflow(a_task(parameters={"x": ["{part}"]}, split={"range": 2})),
            "/tasks/0/parameters/x/0",
            "{part} does not refer to anything",
            id="a-parameter-cannot-name-the-part",
        ),
        pytest.param(
            a_workflow(inputs={"x": "a.csv"}, parameters={"x": 1}), "/parameters/x", "name of an input", id="ambiguous"
        ),
        pytest.param(
            a_workflow(a_task(split={"range": 2}, parameters={"part": 1})),
            "/tasks/0/split/as",
            "also a parameter of this task",
            id="part-is-taken",
        ),
        pytest.param(a_workflow(metadata={"x/y~z": {1, 2}}), "/metadata/x~1y~0z", "must be text", id="no-json"),
        pytest.param(a_workflow(name="a\nb"), "/name", "one line of printable text", id="title-of-two-lines"),
        pytest.param(a_workflow(name="\ud800"), "/name", "UTF-8", id="lone-surrogate"),
    ],
)
def test_a_problem_is_found_and_says_what_would_be_right(document: object, pointer: str, detail: str) -> None:
    [problem] = problems(document)
    assert problem.pointer == pointer
    assert detail in problem.detail


def test_all_problems_are_told_at_once_and_in_order() -> None:
    document = a_workflow(
        a_task("a", resources={"cpu": -1}, command="x {nope}", dependencies=["zz"], files=["gone.py"]),
        a_task("b", dependencies=["c"], retry={"maximum_attempts": 0}),
        a_task("c", dependencies=["b"]),
        colour="red",
    )
    assert [problem.pointer for problem in problems(document)] == [
        "/colour",
        "/tasks/0/command/1",
        "/tasks/0/dependencies/0",
        "/tasks/0/files/0",
        "/tasks/0/resources/cpu",
        "/tasks/1/dependencies",
        "/tasks/1/retry/maximum_attempts",
    ]


def test_what_depends_on_a_broken_part_is_not_blamed() -> None:
    document = a_workflow(a_task(command="x {part} {n}", split={"range": -1}), parameters={"n": 1})
    assert [problem.pointer for problem in problems(document)] == ["/tasks/0/split/range"]


def test_every_cycle_is_named() -> None:
    pairs = [a_task(x, dependencies=[y]) for x, y in ("ab", "ba", "cd", "dc")]
    assert [problem.pointer for problem in problems(a_workflow(*pairs))] == [
        "/tasks/0/dependencies",
        "/tasks/2/dependencies",
    ]


def test_a_document_of_nothing_but_mistakes_is_answered_all_the_same() -> None:
    tasks = [a_task(f"task-{i}", dependencies=[f"tusk-{j}" for j in range(200)], nonsense=1) for i in range(200)]
    assert 100 <= len(problems(a_workflow(*tasks))) <= 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_ANY: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, 0, -1, 1.5, True, "a", "b", "auto", "{part}", "{a.result}", "5%", "10m", "sum", [], {}),
        *(["a"], ["b", "b"], [{}], {"x": 1}, {"range": 3}, {"items": [1]}, {"lines": "x"}, {"files": "*"}),
        *({"grid": {"x": [1, 2]}}, {"source": "", "function": "f"}, {"table": {"columns": ["a"]}}),
        *(
            {"concat": "lines"},
            {"cpu": 2, "memory": "1GB"},
            {"signal": "a"},
            {"signal": "a", "timeout": "1h"},
            "abandon",
        ),
    ]
)
_TASK_FIELDS = [
    "name",
    "command",
    "python",
    "wait",
    "sleep",
    "workflow",
    "on_parent_cancel",
    "parameters",
    "files",
    "dependencies",
    "resources",
    "timeouts",
    "retry",
    "split",
    "aggregate",
    "parse",
    "tolerated_failure",
    "priority",
    "tags",
    "metadata",
    "nonsense",
]
_FIELDS = [
    "name",
    "description",
    "priority",
    "tags",
    "metadata",
    "inputs",
    "files",
    "parameters",
    "tolerated_failure",
    "nonsense",
]
_ALMOST_TASK = st.builds(
    lambda base, more: base | more,
    st.sampled_from([a_task("a"), a_task("b", dependencies=["a"]), {"name": "c", "sleep": 1}, {}]),
    st.dictionaries(st.sampled_from(_TASK_FIELDS), _ANY | _JSON, max_size=4),
)
_ALMOST_WORKFLOW = st.builds(
    lambda fields, tasks: {"name": "w", "tasks": tasks} | fields,
    st.dictionaries(st.sampled_from(_FIELDS), _ANY | _JSON, max_size=3),
    st.lists(_ALMOST_TASK | _JSON, min_size=1, max_size=3),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(_JSON | _ALMOST_WORKFLOW)
def test_any_document_is_a_workflow_or_an_invalid_spec(document: object) -> None:
    try:
        spec = parse(document, files=["a"])
    except InvalidSpecError as error:
        assert error.problems
        assert all(problem.detail for problem in error.problems)
    else:
        written = json.loads(json.dumps(spec.model_dump(mode="json")))
        assert parse(written, files=["a"]) == spec


def test_run_parameters_are_the_defaults_and_what_was_given() -> None:
    spec = WorkflowSpec.model_validate(a_workflow(parameters={"bound": 1, "base": 2}))
    assert run_parameters(spec, {"base": [3]}) == {"bound": 1, "base": [3]}
    with pytest.raises(InvalidSpecError, match="did you mean 'bound'"):
        run_parameters(spec, {"bond": 1})


def test_the_model_does_not_load_prefect() -> None:
    code = "import sys, njangi_flows.workflow.spec, njangi_flows.cli.app; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_clean_up_is_left_out_of_the_order_and_a_deadline_is_a_duration() -> None:
    spec = parse(a_workflow(a_task("a"), a_task("tidy"), cleanup="tidy", deadline="6h"), files=FILES)
    assert [task.name for task in compiler.order(spec)] == ["a"]
    assert spec.deadline == 6 * 3600


@pytest.mark.parametrize(
    ("document", "pointer", "told"),
    [
        pytest.param(
            a_workflow(a_task("a"), a_task("tidy"), cleanup="tydy"), "/cleanup", "did you mean 'tidy'", id="no task"
        ),
        pytest.param(a_workflow(a_task("tidy"), cleanup="tidy"), "/cleanup", "besides", id="nothing else"),
        pytest.param(
            a_workflow(a_task("a"), a_task("tidy", dependencies=["a"]), cleanup="tidy"),
            "/tasks/1/dependencies",
            "cannot have dependencies",
            id="depends on a task",
        ),
        pytest.param(
            a_workflow(a_task("a", dependencies=["tidy"]), a_task("tidy"), cleanup="tidy"),
            "/tasks/0/dependencies/0",
            "no task can depend on it",
            id="a task depends on it",
        ),
        pytest.param(a_workflow(deadline=0), "/deadline", "more than 0", id="no time at all"),
        pytest.param(a_workflow(deadline="soon"), "/deadline", "duration", id="no duration"),
    ],
)
def test_what_is_wrong_with_a_clean_up_or_a_deadline_is_told(document: Any, pointer: str, told: str) -> None:
    [problem] = problems(document)
    assert problem.pointer == pointer and told in problem.detail


def test_limits_below_what_starting_takes_are_told_and_are_those_of_agents() -> None:
    assert (model.LEAST_MEMORY, model.LEAST_STORAGE) == (limits.LEAST_MEMORY, limits.LEAST_STORAGE)
    tasks = [
        {"name": "a", "command": "x", "resources": {"memory": 65536, "storage": "1MiB"}},
        {"name": "b", "command": "x", "resources": {"memory": "32MiB", "storage": 8192}},
        {"name": "c", "sleep": 1},
    ]
    found = warnings(parse({"name": "w", "tasks": tasks}, files=[]))
    assert [str(item)[:37] for item in found] == [
        "/tasks/0/resources/memory: is raised ",
        "/tasks/1/resources/storage: is raised",
    ]
