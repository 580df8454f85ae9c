"""Whatever the service says of its own, the console can say in French and in English."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from njangi_flows.workflow import sentences

from api.http import errors
from api.http.refusals import REFUSALS, RefusalError
from api.runs import endings, planning
from coordinator.decisions import eta
from coordinator.decisions.recovery import GIVEN_UP
from coordinator.decisions.waiting import ReasonKind
from storage.errors import NjangiError
from storage.runs.controls import DEADLINE_MISSED
from storage.subtasks.deadline_errors import TOO_LATE
from storage.volunteers.refusals import REFUSED

ROOT = Path(__file__).parents[3]
FLOWS = ROOT / "flows" / "njangi_flows"
OTHER_NAMES = {"said.a_list", "said.an_object", "said.none"}
WITHOUT_CLASS: Mapping[str, set[str]] = {
    "internal": set(),
    "invalid-request": set(),
    "invalid-spec": {"count"},
    "under-way": {"seconds"},
    "too-many-requests": {"seconds"},
}


def names_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def names_in_message(text: str) -> set[str]:
    """Return the names that a text of the console takes (ICU MessageFormat)."""
    text = re.sub(r"'[^']*'", "", text)
    text = re.sub(r"\{(\w+), (?:select|plural), (?:[\w=]+ \{[^{}]*\} ?)+\}", r"{\1}", text)
    return set(re.findall(r"\{(\w+)(?:, number)?\}", text))


def of_table(codes: Mapping[str, str]) -> dict[str, set[str]]:
    return {code: names_in(says) for code, says in codes.items()}


def our_errors(class_: type[NjangiError] = NjangiError) -> Iterator[type[NjangiError]]:
    for below in class_.__subclasses__():
        yield below
        yield from our_errors(below)


def of_errors() -> dict[str, set[str]]:
    found = {}
    for class_ in our_errors():
        type_ = next((type_ for row, (_, type_) in errors._TABLE.items() if issubclass(class_, row)), None)
        if code := class_.code or type_:
            found[code] = set(class_.names)
    return found


TOLD: Mapping[str, set[str]] = {
    **{f"said.{code}": names for code, names in of_table(sentences.SENTENCES).items()},
    **{f"run.eta.{code}": names for code, names in of_table(eta.SENTENCES).items()},
    **{f"ended.{code}": names for code, names in of_table(endings.SENTENCES).items()},
    **{f"plan.{code}": names for code, names in of_table(planning.SENTENCES).items()},
    **{f"refusal.{code}": names_in(says) for code, (_, says) in REFUSALS.items()},
    **{f"refusal.{code}": names for code, names in {**of_errors(), **WITHOUT_CLASS}.items()},
}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_code_has_a_sentence_that_takes_no_value_but_those_it_is_sent_with(language: str) -> None:
    texts: dict[str, str] = json.loads((ROOT / "ui-config" / "locales" / f"{language}.json").read_text())
    prefixes = tuple({key.rpartition(".")[0] + "." for key in TOLD if not key.startswith("run.eta.work.")})
    assert {key for key in texts if key.startswith(prefixes)} - OTHER_NAMES == TOLD.keys()
    for key, names in TOLD.items():
        assert names_in_message(texts[key]) <= names, key


def test_every_type_of_error_that_agents_and_the_service_give_to_subtasks_is_explained() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "agents" / "njangi_agent").rglob("*.py"))
    types = set(re.findall(r'AttemptFailedError\(\s*"(\w+)"', sources)) | {*TOO_LATE, REFUSED, "Lost"}
    for language in ("en", "fr"):
        texts = json.loads((ROOT / "ui-config" / "locales" / f"{language}.json").read_text())
        assert {key.removeprefix("failure.") for key in texts if key.startswith("failure.")} == types


def test_the_console_knows_every_kind_of_reason_for_which_something_waits() -> None:
    source = (ROOT / "ui-config" / "console" / "src" / "components" / "reasons.ts").read_text()
    assert set(re.findall(r'case "([a-z-]+)":', source)) == set(ReasonKind)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield where the modules of workflows name a code, with the call."""
    at = {"of": 1, "wrong": 0, "wrong_around": 0, "_refuse": 0}
    for path in sorted(FLOWS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in at and len(node.args) > at[name]:
                    code = node.args[at[name]]
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        yield code.value, node


def test_each_problem_that_is_named_has_a_sentence_and_the_values_for_it() -> None:
    found = list(calls())
    assert len(found) > 50
    for code, call in found:
        given = {keyword.arg for keyword in call.keywords}
        assert names_in(sentences.SENTENCES[code]) <= given, code


def test_a_value_is_told_as_the_sentence_wants_it() -> None:
    assert sentences.sentence("not-one-of", {"known": ["a", "b"], "given": []}) == "give exactly one of a, b, not none"
    assert sentences.sentence("range-size", {"limit": 1000, "count": 2000}) == (
        "must hold 1 to 1,000 numbers, not 2,000; a wider step makes fewer"
    )
    assert sentences.sentence("no-task", {"name": "a", "known": ["b"]}) == "there is no task 'a'; tasks here: b"
    assert sentences.sentence("no-task", {"name": "a", "known": ["b"], "near": "b"}) == (
        "there is no task 'a'; did you mean 'b'?"
    )


def test_of_very_many_names_an_answer_carries_those_that_are_told() -> None:
    names = [f"n{index}" for index in range(1000)]
    short = sentences.shortened({"known": names, "name": "x"})
    assert short == {"known": [*names[:30], "… (+970)"], "name": "x"}
    assert "n29 and 970 more" in sentences.sentence("names-nothing", {"name": "x", "known": names})


def test_a_refusal_tells_the_same_in_english_and_by_its_values() -> None:
    error = RefusalError("read-only", noun="run", id="r1", owner="ada")
    assert (error.status_code, error.detail) == (403, "run 'r1' is ada's: you may read it, but not change it")
    assert (error.code, error.values) == ("read-only", {"noun": "run", "id": "r1", "owner": "ada"})


def test_a_run_that_the_service_ended_says_so_in_a_sentence_that_is_read_back() -> None:
    given_up = endings.told(GIVEN_UP.format(count=6))
    assert given_up is not None and (given_up.code, given_up.values) == ("given-up", {"count": 6})
    late = endings.told(DEADLINE_MISSED.format(deadline="2026-11-24T12:00:00+00:00"))
    assert late is not None and late.code == "deadline-missed"
    assert late.values == {"deadline": "2026-11-24T12:00:00+00:00"}
    assert endings.told(None) is None


def test_a_forecast_says_more_only_where_there_is_more() -> None:
    work = {"left": 3, "slots": 2, "seen": 9}
    plain = "3 subtasks left, 2 slots online; estimated from 9 ended subtasks"
    assert str(eta.Basis("work", work)) == plain
    assert str(eta.Basis("work", {**work, "fewest": 1, "several": "a"})) == (
        f"{plain}; the latest time assumes only the 1 slots that work for it now; "
        "no subtask of a and other tasks has ended yet: assumed to take as long as the rest"
    )
