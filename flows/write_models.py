"""Write what the service answers as pydantic models, from its OpenAPI document.

Run by `make models`. It prepares the document, and datamodel-code-generator writes the classes: only what submitters
and admins get, without titles that repeat a field's name.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from njangi_flows.workflow.problems import pointer

DOCUMENT = Path("docs/openapi.json")
TARGET = Path("flows/njangi_flows/client/models.py")
OTHERS = ("/v1/flow/", "/v1/agent/")
_REFERENCE = pointer("components", "schemas") + "/"
_HEAD = '''"""What the service answers. Written by `make models` from docs/openapi.json: mend it there."""
'''


def answered(document: dict[str, Any]) -> set[str]:
    """Return the names of all schemas that answers to submitters and admins are made of."""
    names: set[str] = set()

    def follow(part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                follow(item)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name and name not in names:
                names.add(name)
                follow(document["components"]["schemas"][name])
            for item in part.values():
                follow(item)

    for path, calls in document["paths"].items():
        if not path.startswith(OTHERS):
            follow([answer for call in calls.values() for code, answer in call["responses"].items() if code < "3"])
    return names


def plain(part: Any) -> Any:
    """Return a schema without titles, in which any JSON is just that."""
    if isinstance(part, list):
        return [plain(item) for item in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    if reference is not None:
        name = str(reference).removeprefix("#").removeprefix(_REFERENCE)
        return {} if name == "JsonValue" else {"$ref": f"#/$defs/{name}"}
    return {key: plain(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))}


def main() -> None:
    document = json.loads(DOCUMENT.read_text())
    schemas = {name: plain(document["components"]["schemas"][name]) for name in sorted(answered(document))}
    schemas.pop("JsonValue", None)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "answers.json"
        source.write_text(json.dumps({"$defs": schemas}))
        generate = [sys.argv[1], "--input", str(source), "--input-file-type", "jsonschema", "--output", str(TARGET)]
        style = ["--output-model-type", "pydantic_v2.BaseModel", "--target-python-version", "3.11", "--formatters"]
        more = [
            "builtin",
            "--use-annotated",
            "--skip-root-model",
            "--capitalise-enum-members",
            "--disable-timestamp",
            "--custom-file-header",
            _HEAD,
        ]
        subprocess.run([*generate, *style, *more], check=True)


if __name__ == "__main__":
    main()
