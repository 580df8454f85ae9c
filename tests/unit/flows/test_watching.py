"""`--watch`: a change is shown again, and Ctrl-C ends it."""

from __future__ import annotations

import pytest
import typer
from njangi_flows.cli import watching

from tests.unit.flows.test_command_line import FakeService, njangi, service

__all__ = ["service"]  # a fixture


class Looks:
    """Answers one look after another, then is interrupted; keeps how long was waited."""

    def __init__(self, *answers: object, then: BaseException | None = None) -> None:
        self.answers = list(answers)
        self.then = then or KeyboardInterrupt()
        self.paused: list[float] = []

    def __call__(self) -> object:
        answer = self.answers.pop(0) if self.answers else self.then
        if isinstance(answer, BaseException):
            raise answer
        return answer


def test_only_what_changes_is_shown_anew() -> None:
    shown: list[object] = []
    looks = Looks(["a"], ["a"], ["b"])
    with pytest.raises(typer.Exit) as ended:
        watching.show(looks, shown.append, watch=True, pause=looks.paused.append)
    assert (shown, ended.value.exit_code, len(looks.paused)) == ([["a"], ["b"]], 130, 3)


def test_without_watching_it_looks_once() -> None:
    shown: list[object] = []
    watching.show(Looks(["a"]), shown.append, watch=False)
    assert shown == [["a"]]


@pytest.mark.parametrize("token", ["two words", "line\nfeed", "naïve"])
def test_a_token_that_is_none_is_named_before_anything_is_sent(service: FakeService, token: str) -> None:
    result = njangi(service, "runs", "--token", token)
    assert result.exit_code == 2
    assert "this is not a valid token" in result.stderr and token not in result.stderr
    assert service.sent == []
