"""Who may do what, as a table of roles and actions; and every route of the service asks for some right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.access.rights import AccessDecision, Action, acting_role, decide, reader_of
from api.app import create_app
from api.dependencies import DECLARED
from api.settings import Settings
from storage.people.users import Role, Scope, User
from storage.sharing import Owned

YES, NO, HIDDEN = AccessDecision.ALLOWED, AccessDecision.FORBIDDEN, AccessDecision.HIDDEN

OWN = Owned("ada", ("ada",))
SHARED = Owned("kofi", ("kofi", "ada"))
PUBLIC = Owned("kofi", ("kofi", "*"))
OTHERS = Owned("kofi", ("kofi", "esi"))
COLUMNS = [
    (Action.READ, None),
    (Action.READ, OWN),
    (Action.READ, SHARED),
    (Action.READ, PUBLIC),
    (Action.READ, OTHERS),
    (Action.CHANGE, None),
    (Action.CHANGE, OWN),
    (Action.CHANGE, SHARED),
    (Action.CHANGE, PUBLIC),
    (Action.CHANGE, OTHERS),
    (Action.ACCOUNT, None),
    (Action.ADMINISTER, None),
    (Action.CARRY, None),
    (Action.ENROL, None),
]
TABLE = {
    #                 read: any, own, shared, public, others'     change: any, own, shared, public, others'
    Role.ADMIN: [YES, YES, YES, YES, YES, YES, YES, YES, YES, YES, YES, YES, NO, YES],
    Role.SUBMITTER: [YES, YES, YES, YES, HIDDEN, YES, YES, NO, NO, HIDDEN, YES, NO, NO, NO],
    Role.VIEWER: [YES, YES, YES, YES, HIDDEN, NO, NO, NO, NO, NO, YES, NO, NO, NO],
    Role.FLOW: [NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, YES, NO],
    Role.JOIN: [NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, YES],
}
CASES = [
    pytest.param(role, action, thing, expected, id=f"{role}-{action}-{thing.owner if thing else 'nothing'}-{place}")
    for role, row in TABLE.items()
    for place, ((action, thing), expected) in enumerate(zip(COLUMNS, row, strict=True))
]


@pytest.mark.parametrize(("role", "action", "thing", "expected"), CASES)
def test_what_a_role_may_do(role: Role, action: Action, thing: Owned | None, expected: AccessDecision) -> None:
    assert decide(User("ada", role), action, thing) is expected


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        pytest.param({Scope.READ}, {Action.READ}, id="read"),
        pytest.param({Scope.WRITE}, {Action.CHANGE, Action.ACCOUNT}, id="write"),
        pytest.param({Scope.ADMIN}, {Action.ADMINISTER}, id="admin"),
        pytest.param(set(), set(), id="none"),
    ],
)
def test_a_token_opens_no_more_than_its_scopes(scopes: set[Scope], allowed: set[Action]) -> None:
    actions = (Action.READ, Action.CHANGE, Action.ACCOUNT, Action.ADMINISTER)
    user = User("ada", Role.ADMIN, frozenset(scopes))
    assert {action for action in actions if decide(user, action) is YES} == allowed


def test_an_admins_token_without_that_scope_is_one_of_a_submitter() -> None:
    user = User("ada", Role.ADMIN, frozenset({Scope.READ, Scope.WRITE}))
    assert acting_role(user) is Role.SUBMITTER
    assert (decide(user, Action.READ, OTHERS), decide(user, Action.READ, SHARED)) == (HIDDEN, YES)
    assert reader_of(user) == "ada"
    assert reader_of(User("ada", Role.ADMIN)) is None


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from calls(inner)


def declared(route: BaseRoute) -> set[Action]:
    if isinstance(route, APIRoute):
        return {DECLARED[call] for call in calls(route.dependant) if call in DECLARED}
    endpoint = getattr(route, "endpoint", None)
    return {DECLARED[endpoint]} if endpoint in DECLARED else set()


def single(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield the routes, also of routers that are included as a whole."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from single(router.routes)


def test_every_route_declares_one_right(tmp_path: Path) -> None:
    reference = {"/openapi.json"}
    of = {
        f"{sorted(getattr(route, 'methods', ()))} {path}": declared(route)
        for route in single(create_app(Settings(home=tmp_path)).routes)
        if (path := str(getattr(route, "path", route))) not in reference
    }
    assert len(of) > 50
    assert {name: rights for name, rights in of.items() if len(rights) != 1} == {}
