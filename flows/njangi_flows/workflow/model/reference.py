"""Write docs/workflow.schema.json, and into docs/workflows.md what the model says of each field.

People write the prose of the page by hand. This module writes what stands between a line `<!-- fields of PLACE -->` and
a line `<!-- end -->`. PLACE is `workflow`, or where the object is: `tasks[]`, `tasks[].retry`. Run by
`make workflow-docs`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from njangi_flows.workflow.kinds import KINDS, has_field
from njangi_flows.workflow.model.json_schema import schema
from njangi_flows.workflow.written_forms import Schema

DOCS = Path("docs")
PAGE, SCHEMA = DOCS / "workflows.md", DOCS / "workflow.schema.json"
_PART = re.compile(r"(<!-- fields of (\S+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_GREET = {"name": "greet", "command": "echo hello"}
_AROUND: Mapping[str, dict[str, Any]] = {
    "inputs": {"tasks": [{"name": "count", "command": "wc -l {exponents}"}]},
    "parameters": {
        "tasks": [{"name": "simulate", "command": "python3 model.py {days} {region}", "files": ["model.py"]}]
    },
    "files": {"tasks": [{"name": "count", "command": "wc -l {part}", "split": {"files": "data/*.csv"}}]},
    "cleanup": {"tasks": [_GREET, {"name": "withdraw", "command": "echo bye"}]},
    "tasks[].name": {"command": "python3 factor.py", "files": ["factor.py"]},
    "tasks[].command": {"split": {"range": 100}},
    "tasks[].on_parent_cancel": {"workflow": "publishing"},
    "tasks[].parameters": {"command": "python3 factor.py {bound} {primes}", "files": ["factor.py"]},
    "tasks[].files": {"command": "python3 factor.py"},
    "tasks[].parse": {"command": "python3 model.py", "files": ["model.py"]},
    "tasks[].aggregate": {"split": {"range": 100}},
    "tasks[].python.function": {"file": "model.py"},
    "tasks[].python.file": {"function": "simulate"},
    "tasks[].python.source": {"function": "double"},
    "tasks[].python.isolate": {"file": "model.py", "function": "simulate"},
    "tasks[].wait.timeout": {"signal": "approved"},
    "tasks[].split.range.start": {"stop": 200},
    "tasks[].split.range.step": {"stop": 200},
    "tasks[].split.items_per_subtask": {"range": 1000},
    "tasks[].split.as": {"range": 24},
}
"""What stands beside a field in its example, so that the example is whole."""


def objects(of: Schema) -> dict[str, Schema]:
    """Return the objects of a workflow by their place, each with its `properties`."""
    found: dict[str, Schema] = {"workflow": of}
    waiting = ["workflow"]
    while waiting:
        place = waiting.pop(0)
        for name, field in found[place]["properties"].items():
            part = of["$defs"].get(reference_of(field))
            if part is not None and "properties" in part:
                inner = path(place, name) + ("[]" if field.get("type") == "array" else "")
                found[inner] = part
                waiting.append(inner)
    return found


def path(place: str, name: str) -> str:
    """Return how the page calls a field: `deadline`, `tasks[].retry.maximum_attempts`."""
    return name if place == "workflow" else f"{place}.{name}"


def reference_of(field: Schema) -> str | None:
    """Return the name of the schema of the object that a field holds, alone, in a list or beside other forms."""
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    forms = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else [])]
    return next((name for form in forms if (name := reference_of(form)) not in (None, "JsonValue")), None)


def filled(page: str) -> str:
    """Return the page with what the model says of each field written anew."""
    places = objects(schema())
    return _PART.sub(lambda part: "\n".join([part[1], *_fields(part[2], places), part[3]]), page)


def _fields(place: str, places: Mapping[str, Schema]) -> Iterator[str]:
    for name, field in places[place]["properties"].items():
        full = path(place, name)
        yield f"### `{full}`\n\n{_facts(full, field, places)}\n\n{field['description']}\n"
        yield from (f"```yaml\n{yaml(in_context(full, value, places))}```\n" for value in field["examples"])


def _facts(full: str, field: Schema, places: Mapping[str, Schema]) -> str:
    outer, name = _outer(full)
    inner = places.get(full, places.get(f"{full}[]"))
    fields = f" with the fields {listed(inner['properties'])}" if inner is not None and full != "tasks" else ""
    facts = [f"Type: {type_of(field)}{fields}"]
    if limits := _limits(field):
        facts.append(f"Limits: {limits}")
    if name in places[outer].get("required", ()):
        facts.append("Required")
    elif (default := field.get("default")) not in (None, ""):
        facts.append(f"Default: `{_amount(default, field.get('title'), yaml_value(default))}`")
    kinds = [kind for kind in KINDS if has_field(kind, name)] if name != "parse" else ["command"]
    if outer == "tasks[]" and name not in KINDS and len(kinds) < len(KINDS):
        facts.append(f"Only in tasks with {listed(kinds, 'or')}")
    return ". ".join(facts) + "."


def _outer(full: str) -> tuple[str, str]:
    """Return the place of the object that has a field, and the name of the field."""
    outer, _, name = full.rpartition(".")
    return outer or "workflow", name


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return names as a sentence lists them."""
    *first, end = [f"`{name}`" for name in names]
    return f"{', '.join(first)} {last} {end}" if first else end


_NAMED = {"JsonValue": "[any value](#kinds-of-values)", "AggregateSpec": "word or object"}
_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}


def type_of(field: Schema) -> str:
    """Return how people call the type of a field."""
    if "title" in field:
        return f"[{field['title']}](#kinds-of-values)"
    if "enum" in field:
        return f"one of {listed(field['enum'], 'or')}"
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        return _NAMED.get(reference_of(field) or "", "object")
    if "anyOf" in field:
        return " or ".join(type_of(form) for form in _forms(field))
    if field.get("type") == "array":
        return f"list ({type_of(field['items'])})"
    if field.get("type") == "object":
        return f"object ({type_of(field['propertyNames'])}: {type_of(field['additionalProperties'])})"
    return _WORDS[field["type"]]


def _forms(field: Schema) -> list[Schema]:
    return [form for form in field["anyOf"] if form.get("type") != "null"]


_BOUNDS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " names"),
)


def _limits(field: Schema, title: str | None = None) -> str:
    """Return the limits of a field in words: those of the first of its forms that has some."""
    title = field.get("title", title)

    def told(words: str, key: str) -> str:
        return words.format(_amount(field[key], title, f"{field[key]:,}"))

    found = [told("more than {}", "exclusiveMinimum")] if "exclusiveMinimum" in field else []
    for least, most, unit in _BOUNDS:
        if least in field and most in field:
            found.append(f"{told('{}', least)} to {told('{}', most)}{unit}")
        elif most in field:
            found.append(told("at most {}", most) + unit)
        elif least in field:
            found.append("not empty" if unit else told("at least {}", least))
    if "exclusiveMaximum" in field:
        found.append(told("less than {}", "exclusiveMaximum"))
    if field.get("uniqueItems"):
        found.append("no item twice")
    if found or "anyOf" not in field:
        return ", ".join(found)
    return next((limits for form in _forms(field) if (limits := _limits(form, title))), "")


_AMOUNTS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "duration": ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")),
    "size": ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (1, "B")),
}


def _amount(value: Any, title: str | None, otherwise: str) -> str:
    """Return a duration or a size as people write it, and anything else as it is otherwise written."""
    units = _AMOUNTS.get(title or "", ())
    unit = next((f"{int(value / size)}{unit}" for size, unit in units if value and value % size == 0), None)
    return unit or otherwise


def in_context(full: str, value: Any, places: Mapping[str, Schema]) -> dict[str, Any]:
    """Return a value of a field in a whole workflow; of a field of a task, among the fields of that task."""
    outer, name = _outer(full)
    whole = {"name": "example", "tasks": [_GREET]} if outer == "workflow" else {}
    made = {**whole, **_AROUND.get(full, {}), name: value}
    made = {key: made[key] for key in places[outer]["properties"] if key in made}
    while outer not in ("workflow", "tasks[]"):
        outer, name = _outer(outer)
        made = {name: made}
    return made


def yaml(fields: Mapping[str, Any], margin: str = "") -> str:
    """Return fields as YAML: each in a line of its own, or in a few where one would be too long."""
    return "".join(f"{margin}{name}:{_value(value, margin)}\n" for name, value in fields.items())


def _value(value: Any, margin: str) -> str:
    deeper = margin + "  "
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "".join("\n" + deeper + "- " + yaml(item, deeper + "  ").strip() for item in value)
    if isinstance(value, dict) and any("\n" in str(item) for item in value.values()):
        return "\n" + yaml(value, deeper).rstrip()
    if isinstance(value, str) and "\n" in value:
        return " |" + "".join(f"\n{deeper}{line}" for line in value.splitlines())
    return f" {yaml_value(value)}"


def yaml_value(value: Any) -> str:
    """Return a value as YAML in one line."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.width = True, 1000
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    writer.dump(value, text)
    return text.getvalue().removesuffix("...\n").strip()


def schema_text() -> str:
    """Return the schema as it is kept in docs/workflow.schema.json, and served."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write both files anew."""
    SCHEMA.write_text(schema_text())
    PAGE.write_text(filled(PAGE.read_text()))


if __name__ == "__main__":
    main()
