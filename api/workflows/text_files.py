"""Check that the stored files that a workflow reads as text are UTF-8."""

from __future__ import annotations

from collections.abc import Mapping

from njangi_agent.texts import NotTextError
from njangi_flows.workflow.spec import InvalidSpecError, Problem, WorkflowSpec
from njangi_flows.workflow.text_files import MOST_BYTES, not_text, text_files

from api.services import Services
from storage.errors import NotFoundError


async def check_text_files(app: Services, spec: WorkflowSpec, files: Mapping[str, str]) -> None:
    """Raise InvalidSpecError for those that are no UTF-8; `files` are names and their SHA-256, stored or not yet."""
    problems: list[Problem] = []
    for place, name, reader in text_files(spec):
        seen = 0
        try:
            async for piece in app.stores.blobs.read(files.get(name, "")):
                reader.read(piece)
                seen += len(piece)
                if seen > MOST_BYTES:
                    break
            else:
                reader.read(b"", final=True)
        except NotTextError as error:
            problems.append(not_text(place, name, error))
        except NotFoundError:
            continue
    if problems:
        raise InvalidSpecError(problems)
