"""Decide who may do what: the one table of roles, scopes, owners and readers.

What a caller may not see does not exist for it (HIDDEN); what it may see but not change is FORBIDDEN.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace

from storage.people.users import Role, Scope, User
from storage.sharing import EVERYBODY, Owned


class Action(enum.StrEnum):
    """What a call asks for. READ and CHANGE are of one thing that has an owner where the call names one."""

    READ = "read"
    CHANGE = "change"  # make things of one's own, change, start and end them
    ACCOUNT = "account"  # one's own password, sessions and tokens
    ADMINISTER = "administer"  # users, invitations, join tokens, volunteers, quotas, the audit log
    CARRY = "carry"  # what runs inside Prefect does
    ENROL = "enrol"
    SERVE = "serve"  # what volunteers' agents do
    ANYONE = "anyone"  # needs no token


class AccessDecision(enum.StrEnum):
    ALLOWED = "allowed"
    HIDDEN = "hidden"
    FORBIDDEN = "forbidden"


_ROLES = {
    Action.READ: frozenset({Role.ADMIN, Role.SUBMITTER, Role.VIEWER}),
    Action.CHANGE: frozenset({Role.ADMIN, Role.SUBMITTER}),
    Action.ACCOUNT: frozenset({Role.ADMIN, Role.SUBMITTER, Role.VIEWER}),
    Action.ADMINISTER: frozenset({Role.ADMIN}),
    Action.CARRY: frozenset({Role.FLOW}),
    Action.ENROL: frozenset({Role.JOIN, Role.ADMIN}),
}
_SCOPES = {
    Action.READ: Scope.READ,
    Action.CHANGE: Scope.WRITE,
    Action.ACCOUNT: Scope.WRITE,
    Action.ADMINISTER: Scope.ADMIN,
}


def acting_role(user: User) -> Role:
    """Return the role that counts: an admin's token without the scope `admin` is one of a submitter."""
    return Role.SUBMITTER if user.role is Role.ADMIN and Scope.ADMIN not in user.scopes else user.role


def without_admin(user: User) -> User:
    """Return the same user without the rights of an admin."""
    return replace(user, scopes=user.scopes - {Scope.ADMIN})


def decide(user: User, action: Action, thing: Owned | None = None) -> AccessDecision:
    """Decide whether `user` may do `action`, to `thing` if the call names one that has an owner."""
    role = acting_role(user)
    scope = _SCOPES.get(action)
    if role not in _ROLES.get(action, ()) or (scope is not None and scope not in user.scopes):
        return AccessDecision.FORBIDDEN
    if thing is None or role is Role.ADMIN or user.name == thing.owner:
        return AccessDecision.ALLOWED
    if user.name in thing.readers or EVERYBODY in thing.readers:
        return AccessDecision.ALLOWED if action is Action.READ else AccessDecision.FORBIDDEN
    return AccessDecision.HIDDEN


def roles_for(action: Action) -> Sequence[Role]:
    """Return the roles that open an action, as messages name them."""
    return sorted(_ROLES.get(action, ()))


def reader_of(user: User) -> str | None:
    """Return as whom `user` reads lists: of what names it, or everybody, among its readers. None sees all."""
    return None if acting_role(user) is Role.ADMIN else user.name
