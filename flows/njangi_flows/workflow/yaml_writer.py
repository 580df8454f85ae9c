"""Write plain values as YAML that `document.load`, and every other reader, reads as the same values."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from njangi_flows.workflow.core_schema import NEXT_LINE, CarefulResolver


class _Representer(SafeRepresenter):
    pass


def _text(representer: SafeRepresenter, value: str) -> Any:
    style = '"' if NEXT_LINE in value else None
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Representer.add_representer(str, _text)


def as_yaml(value: Any) -> str:
    """Return a JSON value as YAML in block style, its fields in their order."""
    writer = YAML(typ="safe", pure=True)
    writer.Resolver = CarefulResolver  # text that some reader takes for something else gets quotes
    writer.Representer = _Representer
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 120
    writer.allow_unicode = True
    text = io.StringIO()
    writer.dump(value, text)
    return text.getvalue()
