"""The sentences of refused calls. Each has a code, so that clients can show it in other languages."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

REFUSALS: Mapping[str, tuple[int, str]] = {
    "session-ended": (401, "the session has ended; sign in again"),
    "token-unknown": (401, "the token is unknown, has expired or was revoked"),
    "wrong-password": (401, "the name or the password is wrong"),
    "old-password-wrong": (403, "the old password is wrong"),
    "password-changed": (403, "the old password is wrong: it was changed a moment ago"),
    "read-only": (403, "{noun} {id!r} is {owner}'s: you may read it, but not change it"),
    "role-too-low": (403, "the role {role} does not allow this; it needs the role {roles}"),
    "scope-missing": (403, "this token does not allow the call ({action}); its scopes: {scopes}"),
    "clone-read-only": (403, "your role may only read; a clone would be a workflow of your own"),
    "runs-of-others": (403, "you may not control the runs of {owner!r}"),
    "tokens-of-others": (403, "only admins can see the tokens of other people"),
    "token-beyond": (403, "you cannot give a token rights that you do not have: {scopes}"),
    "scope-admin": (403, "only admins can give a token the scope admin"),
    "own-rights": (409, "admins cannot take away their own rights; ask another admin"),
    "role-unknown": (422, "this is not a role; choose one of these: {roles}"),
    "name-needed": (422, "this invitation has no name; choose a name"),
    "name-fixed": (422, "this invitation is for {name!r}; leave the name out"),
}


class RefusalError(HTTPException):
    """The call is refused, with the sentence of `code` filled with `values`."""

    def __init__(self, code: str, headers: Mapping[str, str] | None = None, **values: str) -> None:
        status, says = REFUSALS[code]
        super().__init__(status, says.format_map(values), headers)
        self.code = code
        self.values = values
