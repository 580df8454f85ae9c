"""The refusals of single calls: sentences with codes, which the console translates."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

REFUSALS: Mapping[str, tuple[int, str]] = {
    "session-ended": (401, "the session has ended; sign in again"),
    "token-unknown": (401, "the token is not known, has expired or was revoked"),
    "wrong-password": (401, "the name or the password is wrong"),
    "old-password-wrong": (403, "the old password is wrong"),
    "password-changed": (403, "the old password is wrong: it was changed a moment ago"),
    "read-only": (403, "{noun} {id!r} is {owner}'s: you may read it, but not change it"),
    "role-too-low": (403, "a token of role {role} does not open this; it takes {roles}"),
    "scope-missing": (403, "this token has the scopes {scopes}; the call ({action}) takes one with a further scope"),
    "clone-read-only": (403, "a clone is a workflow of one's own; you may only read"),
    "runs-of-others": (403, "the runs of {owner!r} are not yours to control"),
    "tokens-of-others": (403, "the tokens of others are for admins to see"),
    "token-beyond": (403, "a token cannot be given what you do not have: {scopes}"),
    "scope-admin": (403, "the scope admin is for admins"),
    "own-rights": (409, "admins cannot take away their own rights; another admin can"),
    "role-unknown": (422, "the role of a person is {roles}"),
    "name-needed": (422, "this invitation leaves the name to you: give one"),
    "name-fixed": (422, "this invitation is for {name!r}; leave the name out"),
}


class RefusalError(HTTPException):
    """What the sentence of `code` tells with `values`; its type is the name of its status."""

    def __init__(self, code: str, headers: Mapping[str, str] | None = None, **values: str) -> None:
        status, says = REFUSALS[code]
        super().__init__(status, says.format_map(values), headers)
        self.code = code
        self.values = values
