"""What braces mean in every field of a workflow, from the document to the call that an agent makes of it."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_agent.sandbox.arguments import render
from njangi_flows.workflow import preview, split
from njangi_flows.workflow.model import LANGUAGE
from njangi_flows.workflow.placeholders import filling
from njangi_flows.workflow.placeholders import parsing as placeholders
from njangi_flows.workflow.placeholders.braces import escaped, in_program, pieces
from njangi_flows.workflow.placeholders.filling import NotFilledError
from njangi_flows.workflow.placeholders.programs import program_texts
from njangi_flows.workflow.spec import InvalidSpecError, Problem, WorkflowSpec, parse, unfilled, warnings

FILES = ["n.txt", "run.py", "a.csv", "b.csv"]
PARAMETERS: dict[str, Any] = {"bound": 7, "who": "Ada", "exact": 10.0, "large": 1e22, "yes": True, "none": None}


def a_document(language: int = LANGUAGE, **task: Any) -> dict[str, Any]:
    return {
        "name": "w",
        "language": language,
        "inputs": {"numbers": "n.txt"},
        "files": ["b.csv", "a.csv"],
        "parameters": {**PARAMETERS, "rows": [1, 2]},
        "tasks": [
            {"name": "up", "command": "true"},
            {"name": "other", "command": "true"},
            {"name": "table", "command": "true", "split": {"range": 2}},
            {"name": "raw", "command": "true", "parse": "bytes"},
            {"name": "task", "dependencies": ["up", "table", "raw"], **task},
        ],
    }


def a_spec(language: int = LANGUAGE, **task: Any) -> WorkflowSpec:
    return parse(a_document(language, **task), files=FILES)


def a_function(**parameters: Any) -> dict[str, Any]:
    return {"python": {"source": "", "function": "f"}, "parameters": parameters}


def called(spec: WorkflowSpec, part: int = 0, **results: Any) -> tuple[list[str] | None, dict[str, Any]]:
    """Return the arguments and the parameters of a part of the last task, as an agent of any age gets them."""
    task = spec.task("task")
    above = {"up.result": "result", "up.failed": [2, 3], **{f"{name}.result": value for name, value in results.items()}}
    calls = filling.calls_of(spec, task, dict(spec.parameters), above)
    values = filling.values_of(spec, dict(spec.parameters), above)
    over = filling.filled_split(task.split, values, spec.language) if task.split else None
    items = split.items(over, lambda _: "x\ny\n", placeholders.split_files(spec, task)) if over else []
    chunks = split.chunk(items, (over.items_per_subtask if over else None) or 1)  # type: ignore[arg-type]
    parameters = list(split.subtask_parameters(task, chunks, calls))[part]
    argv = None if calls.command is None else render(calls.command, parameters, calls.paths)
    assert argv is None or argv == preview.arguments(calls, parameters)
    return argv, parameters


def arguments(command: list[str], **task: Any) -> list[str]:
    argv, _ = called(a_spec(command=command, **task))
    assert argv is not None
    return argv


def problems(**task: Any) -> list[Problem]:
    try:
        return unfilled(spec := a_spec(**task), spec.parameters)
    except InvalidSpecError as error:
        return error.problems


@pytest.mark.parametrize(
    ("argument", "becomes"),
    [
        ("{who}", ["Ada"]),
        ("{rows}", ["1", "2"]),
        ("--n={bound}", ["--n=7"]),
        ("Hello {who}", ["Hello Ada"]),
        ("{who}.txt", ["Ada.txt"]),
        ("{who}{bound}{who}", ["Ada7Ada"]),
        ("{exact} {large} {yes} {none}", ["10.0 1e+22 true null"]),
        ("--in={numbers}", ["--in=n.txt"]),
        ("--in={up.result}", ["--in=up.result.json"]),
        ("{{who}}", ["{who}"]),
        ("{{{bound}}}", ["{7}"]),
        ("{{{{who}}}}", ["{{who}}"]),
        ('{"a":{"b":{bound}}}', ['{"a":{"b":7}}']),
        ('{"a": {"b": 1}}', ['{"a": {"b": 1}}']),
        ('{{"a":{{"b":{bound}}}}}', ['{"a":{"b":7}}']),
        ("${who}", ["${who}"]),
        ("$(who)", ["$(who)"]),
        ("{ who }", ["{ who }"]),
        ("x{unknown}", ["x{unknown}"]),
        ("{}", ["{}"]),
        ("{1..3}x", ["{1..3}x"]),
        ("}{who}{", ["}Ada{"]),
    ],
)
def test_an_argument_is_filled_or_stays_as_it_is(argument: str, becomes: list[str]) -> None:
    assert arguments(["run", argument]) == ["run", *becomes]


def test_literal_braces_stay_though_agents_would_take_them_for_a_placeholder() -> None:
    assert arguments(["run", "{who}", "{{who}}", "{argument 1}", "{{numbers}}", "{numbers}"]) == [
        *("run", "Ada", "{who}", "{argument 1}", "{numbers}", "n.txt")
    ]
    over = {"split": {"items": [1]}}
    assert arguments(["run", "{{part}}", "x{part}", "{argument 2}"], **over) == ["run", "{part}", "x1", "{argument 2}"]


@pytest.mark.parametrize(
    ("over", "first", "second"),
    [
        ({"range": 3}, "x=0", "x=1"),
        ({"items": ["a", 2.50, True]}, "x=a", "x=2.5"),
        ({"items": ["{who}!", "{bound}"]}, "x=Ada!", "x=7"),
        ({"items": ["{rows}"]}, "x=1", "x=2"),
        ({"items": ["{up.result}", "b"]}, "x=result", "x=b"),
        ({"grid": {"part": ["{who}", "b"], "y": [0]}}, "x=Ada", "x=b"),
        ({"files": "*.csv"}, "x=a.csv", "x=b.csv"),
        ({"lines": "numbers"}, "x=x", "x=y"),
    ],
)
def test_what_a_part_is_fills_longer_arguments_of_its_subtask(over: Any, first: str, second: str) -> None:
    spec = a_spec(command=["run", "x={part}"], split=over)
    assert [called(spec, part)[0] for part in (0, 1)] == [["run", first], ["run", second]]


def test_a_result_that_is_a_list_is_split_item_by_item() -> None:
    spec = a_spec(**a_function(), split={"items": ["{up.result}", "last"]})
    assert [called(spec, part, up=[5, [6]])[1] for part in range(3)] == [{"part": 5}, {"part": [6]}, {"part": "last"}]


def test_a_parameter_of_a_function_is_filled_wherever_text_stands_in_it() -> None:
    given_ = {
        "whole": "{up.result}",
        "text": "a {bound} b",
        "deep": [{"x": "{bound}", "{who}": ["<{exact}>"]}],
        "path": "in/{numbers}",
        "escaped": "{{who}} ${who}",
        "list": ["{rows}"],
        "of_part": "row {part} of {rows}"[:10],
    }
    spec = a_spec(**a_function(**given_), split={"items": ["p"]})
    assert called(spec, up={"r": 1})[1] == {
        "whole": {"r": 1},
        "text": "a 7 b",
        "deep": [{"x": 7, "Ada": ["<10.0>"]}],
        "path": "in/n.txt",
        "escaped": "{who} ${who}",
        "list": [[1, 2]],
        "of_part": "row p",
        "part": "p",
    }
    assert placeholders.upstream_values(spec, spec.task("task")) == ["up.result"]
    assert placeholders.files(spec, spec.task("task")) == ["n.txt"]


def test_a_parameter_that_names_the_part_is_filled_in_a_command_too() -> None:
    spec = a_spec(command=["run", "{own}", "--x={own}"], parameters={"own": "<{part}>"}, split={"range": 2})
    assert called(spec, 1)[0] == ["run", "<1>", "--x=<1>"]


@pytest.mark.parametrize("brought", ["{up.result}", "{bound}", "{who}"])
def test_what_a_placeholder_brings_in_is_not_looked_at_again(brought: str) -> None:
    spec = a_spec(command=["run", "{own}", "x{own}"], parameters={"own": "{who}"})
    task = spec.task("task")
    calls = filling.calls_of(spec, task, {**spec.parameters, "who": brought}, {})
    assert preview.arguments(calls, calls.parameters({})) == ["run", brought, f"x{brought}"]


def test_a_file_that_is_named_inside_an_argument_lies_in_the_folder() -> None:
    task = (spec := a_spec(command=["run", "--in={numbers}", "-r{up.result}"])).task("task")
    assert placeholders.files(spec, task) == ["n.txt"]
    assert placeholders.upstream_paths(spec, task) == ["up.result"]


def test_the_parts_that_failed_are_a_list_in_parameters_and_a_file_for_a_command() -> None:
    spec = a_spec(command=["run", "{up.failed}", "{own}", "--at={up.failed}"], parameters={"own": "{up.failed}"})
    assert called(spec)[0] == ["run", "up.failed.json", "2", "3", "--at=up.failed.json"]
    assert placeholders.upstream_values(spec, spec.task("task")) == ["up.failed"]
    over = a_spec(**a_function(), split={"items": ["{up.failed}"]})
    assert [called(over, part)[1] for part in (0, 1)] == [{"part": 2}, {"part": 3}]


def test_only_what_volunteers_run_has_parts_that_may_fail() -> None:
    document = a_document(command=["run", "{ask.failed}", "{up.failed}", "{ask.result}"])
    document["tasks"].insert(0, {"name": "ask", "wait": {"signal": "go"}})
    document["tasks"][-1]["dependencies"] = ["up", "ask"]
    with pytest.raises(InvalidSpecError) as wrong:
        parse(document, files=FILES)
    [problem] = wrong.value.problems
    assert (problem.pointer, problem.code) == ("/tasks/5/command/1", "names-nothing")


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("sh -c PROGRAM sh x", "sh"),
        ("bash -euo pipefail -c PROGRAM", "bash"),
        ("/usr/bin/env LC_ALL=C bash --norc -lc PROGRAM", "bash"),
        ("timeout 5 python3.11 -Ic PROGRAM x", "python3.11"),
        ("perl -lane PROGRAM x", "perl"),
        ("ruby -e PROGRAM", "ruby"),
        ("node --eval PROGRAM", "node"),
        ("awk -F , -v n=3 PROGRAM x", "awk"),
        ("sed -n -e PROGRAM x", "sed"),
        ("sed PROGRAM x", "sed"),
        ("jq --arg n 3 PROGRAM x", "jq"),
        ("jq --slurpfile all x --rawfile text y PROGRAM z", "jq"),
        ("xvfb-run -a some-wrapper bash -ec PROGRAM", "bash"),
        ("pwsh -NoProfile -Command PROGRAM", "pwsh"),
        ("Rscript -e PROGRAM", "Rscript"),
        ("R --slave -e PROGRAM", "R"),
        ("find . -exec sh -c PROGRAM sh {} ;", "sh"),
        ("xargs -I{} dash -c PROGRAM", "dash"),
    ],
)
def test_the_text_of_a_program_keeps_its_braces(command: str, programs: str) -> None:
    def with_program(text: str) -> list[str]:
        return [text if word == "PROGRAM" else word for word in command.split()]

    assert list(program_texts(command.split()).values()) == [programs]
    for text in ("{print $1}", "{print}", "echo ${who} $who {unknown} {{unknown}}", "{a{b}}", "f'{x:{w}}'"):
        assert arguments(with_program(text)) == with_program(text)
    assert arguments(with_program("echo {{who}}")) == with_program("echo {who}")
    [problem] = problems(command=with_program("echo {who}"))
    assert (problem.code, problem.values) == ("name-in-program", {"name": "who", "program": programs})


@pytest.mark.parametrize(
    "command",
    [
        "python3 run.py -c x{who}",
        "bash run.sh -c x{who}",
        "awk -f run.awk x{who}",
        "sh -c true sh x{who}",
        "echo python3 -c x{who}",
    ],
)
def test_an_argument_that_is_no_program_is_filled_beside_one(command: str) -> None:
    assert arguments(command.split())[-1] == "xAda"


@pytest.mark.parametrize(
    ("task", "place", "code"),
    [
        ({"command": ["x", "{nobody}"]}, "command/1", "names-nothing"),
        ({"command": ["x", "{other.result}"]}, "command/1", "not-a-dependency"),
        ({"command": ["x", "--in={other.result}"]}, "command/1", "not-a-dependency"),
        ({"command": ["x", "n={rows}"]}, "command/1", "no-scalar"),
        ({"command": ["x", "n={own}"], "parameters": {"own": {"a": 1}}}, "command/1", "no-scalar"),
        ({"command": ["x", "n={own}"], "parameters": {"own": "{rows}"}}, "command/1", "no-scalar"),
        ({"command": ["x", "n={part}"], "split": {"range": 9, "items_per_subtask": 3}}, "command/1", "no-scalar"),
        ({"command": ["x", "n={part}"], "split": {"items": ["a", ["b"]]}}, "command/1", "no-scalar"),
        (a_function(s="<{table.result}>"), "parameters/s", "no-scalar"),
        (a_function(s=["<{rows}>"]), "parameters/s/0", "no-scalar"),
        (a_function(s={"{rows}": 1}), "parameters/s/{rows}", "no-scalar"),
        (a_function(s="{nobody}"), "parameters/s", "names-nothing"),
        (a_function(s="<{t}>", t=1), "parameters/s", "names-nothing"),
        (a_function(s={"{who}": 1, "Ada": 2}), "parameters/s", "same-key"),
        ({"command": ["x"], "split": {"items": ["{part}"]}}, "split/items/0", "names-nothing"),
        ({"command": ["x"], "split": {"items": ["<{rows}>"]}}, "split/items/0", "no-scalar"),
        ({"command": ["x"], "split": {"items": ["{raw.result}"]}}, "split/items/0", "bytes-no-value"),
        ({"workflow": "child", "parameters": {"data": "{raw.result}"}}, "parameters/data", "bytes-no-value"),
        ({"workflow": "child {who}"}, "workflow", "not-filled"),
        ({"command": "x", "retry": {"non_retryable": ["{who}"]}}, "retry/non_retryable/0", "not-filled"),
    ],
)
def test_what_cannot_be_filled_is_refused_where_it_stands(task: dict[str, Any], place: str, code: str) -> None:
    assert [(problem.pointer, problem.code) for problem in problems(**task)] == [(f"/tasks/4/{place}", code)]


@pytest.mark.parametrize(
    ("task", "place"),
    [
        ({"command": "x", "files": ["{who}.txt"]}, "files/0"),
        ({"python": {"file": "{who}.py", "function": "f"}}, "python/file"),
        ({"command": "x", "split": {"lines": "{numbers}"}}, "split/lines"),
        ({"command": "x", "split": {"files": ["{who}.csv"]}}, "split/files/0"),
        ({"command": "x", "split": {"files": "{who}*.csv"}}, "split/files"),
        ({"command": "x", "split": {"range": "{bound}"}}, "split/range"),
        ({"command": "x", "split": {"range": {"stop": "{bound}"}}}, "split/range/stop"),
        ({"command": "x", "resources": {"memory": "{bound}"}}, "resources/memory"),
        ({"command": "x", "timeouts": {"start_to_close": "{bound}s"}}, "timeouts/start_to_close"),
        ({"command": "x", "parse": "{who}"}, "parse"),
        ({"wait": {"signal": "{who}"}}, "wait/signal"),
        ({"sleep": "{bound}"}, "sleep"),
    ],
)
def test_a_field_that_is_never_filled_refuses_a_placeholder_as_what_it_is(task: dict[str, Any], place: str) -> None:
    assert f"/tasks/4/{place}" in [problem.pointer for problem in problems(**task)]


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("x{whom}", "stays-as-it-is"),
        ("${who}", "shell-form"),
        ("<$who>", "shell-form"),
        ("$(who)", "shell-form"),
        ("{ who }", "spaces-in-braces"),
        ("{{ inputs.parameters.who }}", "doubled-braces"),
        ("{{.ID}}", "doubled-braces"),
        ("{bound:03d}", "more-than-a-name"),
        ("x{who!r}", "more-than-a-name"),
        ("x{up.result[0]}", "more-than-a-name"),
        ("x{bound+1}", "more-than-a-name"),
        ("{whom:>8}", None),
        ("{{who}}", None),
        ("{}", None),
        ("[0-9]{4}x", None),
        ('{"a": 1}', None),
        ("n={bound}", None),
    ],
)
def test_braces_that_are_likely_meant_otherwise_are_warned_of(argument: str, code: str | None) -> None:
    expected = [("/tasks/4/command/1", code)] if code else []
    assert [(warning.pointer, warning.code) for warning in warnings(a_spec(command=["run", argument]))] == expected
    found = warnings(a_spec(**a_function(s=[argument])))
    assert [warning.code for warning in found] == ([code] if code else [])


def test_a_label_that_names_a_parameter_is_warned_of() -> None:
    document = {**a_document(command="x"), "name": "for {who}", "tags": ["n{bound}"], "description": "of {nobody}"}
    found = warnings(parse(document, files=FILES))
    assert [(item.pointer, item.code) for item in found] == [("/name", "not-filled"), ("/tags/0", "not-filled")]


def test_a_default_that_names_a_parameter_is_warned_of() -> None:
    document = a_document(command="x")
    document["parameters"] |= {"greeting": "Hello {who}", "more": [{"a": "{bound}"}, "{nobody}", "{{who}}"]}
    found = warnings(parse(document, files=FILES))
    assert [(item.pointer, item.code) for item in found] == [
        ("/parameters/greeting", "not-filled"),
        ("/parameters/more/0/a", "not-filled"),
    ]


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("sort a.txt | uniq", "|"),
        ("run {who} > out.txt", ">"),
        ("run 2>&1", "2>&1"),
        ("run >out.txt", ">out.txt"),
        ("make && ./run", "&&"),
        ("cd data; run", ";"),
        ("cat data/*.txt", "data/*.txt"),
        ("run $HOME", "$HOME"),
        ("echo $(date)", "$("),
        ("echo `date`", "`"),
        ("cat ~/data", "~/data"),
        ("sh -c 'sort a | uniq > b; echo $HOME *.txt'", None),
        ('echo "a | b > $c"', None),
        ("find . -exec rm {} \\;", None),
        ("run --url=http://a/b?c=1&d=2 a<b x=3*4 {who}", None),
        (["echo", "a", "|", "b"], None),
    ],
)
def test_what_only_a_shell_understands_is_warned_of(command: str | list[str], written: str | None) -> None:
    document = {"name": "w", "parameters": {"who": "Ada"}, "tasks": [{"name": "t", "command": command}]}
    found = [(item.pointer, item.values["written"]) for item in warnings(parse(document, files=()), document)]
    assert found == ([("/tasks/0/command", written)] if written else [])


def test_a_warning_names_what_was_meant() -> None:
    [warning] = warnings(a_spec(command=["run", "x{whom}"]))
    assert (
        str(warning) == "/tasks/4/command/1: {whom} does not refer to anything and stays as it is; did you mean 'who'?"
    )


def test_a_list_that_a_run_gives_is_refused_where_only_text_fits() -> None:
    spec = a_spec(command=["run", "x={none}"])
    [problem] = unfilled(spec, {**spec.parameters, "none": [1]})
    assert (problem.pointer, problem.code) == ("/tasks/4/command/1", "no-scalar")


def test_a_result_that_is_a_list_fails_the_task_where_only_text_fits() -> None:
    with pytest.raises(NotFilledError) as caught:
        called(a_spec(**a_function(s="<{up.result}>")), up=[1])
    assert (caught.value.code, caught.value.place, caught.value.given) == ("no-scalar", ("parameters", "s"), "a list")


def test_a_workflow_of_the_first_language_keeps_its_meaning() -> None:
    spec = a_spec(1, command=["sh", "-c", "echo {who}", "--n={bound}", "{who}", "{{who}}", "{other.result}x"])
    assert called(spec)[0] == ["sh", "-c", "echo {who}", "--n={bound}", "Ada", "{{who}}", "{other.result}x"]
    spec = a_spec(1, **a_function(s="<{who}>", d={"{who}": "{bound}"}), split={"items": ["{who}"]})
    assert called(spec)[1] == {"s": "<{who}>", "d": {"{who}": 7}, "part": "{who}"}
    assert warnings(spec) == []
    written_before = {name: value for name, value in a_document(command="x").items() if name != "language"}
    assert parse(written_before, files=FILES).language == 1


def test_a_language_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match="from 1 to 2, not 3"):
        a_spec(3, command="x")


@given(st.text("{}n$ x.", max_size=20))
def test_escaped_text_stands_for_itself(text: str) -> None:
    assert pieces(escaped(text)) in ([text], [] if text else [""])
    assert "".join(piece for piece in in_program(text, ()) if isinstance(piece, str)) == text


_WORDS = [
    "{who}",
    "{{who}}",
    "{part}",
    "{rows}",
    "{numbers}",
    "{argument 1}",
    "${who}",
    "{x}",
    "{",
    "}",
    "-",
    "{up.result}",
]


@given(st.lists(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4).map("".join), max_size=5))
def test_agents_make_of_a_filled_command_what_a_direct_filling_does(command: list[str]) -> None:
    """Agents of any age fill whole arguments alone; whatever else there is must have been filled, or kept from them."""
    values: dict[str, Any] = {"who": "Ada", "part": "P", "numbers": "n.txt", "up.result": "up.result.json"}

    def direct(argument: str) -> list[str]:
        if argument in ("{rows}",):
            return ["1", "2"]
        filled = [
            piece
            if isinstance(piece, str)
            else str(values[piece.name])
            if piece.name in values and not piece.shell
            else f"{{{piece.name}}}"
            for piece in pieces(argument)
        ]
        return ["".join(filled)]

    task = {"command": ["run", *command], "split": {"items": ["P"]}}
    if problems(**task):
        return  # `x{rows}`, or a name that nothing stands for
    assert called(a_spec(**task))[0] == ["run", *itertools.chain.from_iterable(map(direct, command))]


def test_a_pattern_picks_files_in_order_and_a_list_keeps_its_own() -> None:
    spec = a_spec(command="run {part}", split={"files": "*.csv"})
    assert placeholders.split_files(spec, spec.task("task")) == ["a.csv", "b.csv"]
    spec = a_spec(command="run {part}", split={"files": ["b.csv", "a.csv"]})
    assert placeholders.split_files(spec, spec.task("task")) == ["b.csv", "a.csv"]
    assert placeholders.files(spec, spec.task("task")) == ["b.csv", "a.csv"]
