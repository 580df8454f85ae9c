"""The JSON Schema (draft 2020-12) of the text of a workflow, made from the model.

It accepts what the model accepts and refuses unknown fields and wrong types. What needs a look across fields, tasks and
files it leaves to `spec.parse`.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from njangi_flows.workflow.model.workflow import WorkflowSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Keeps the order of the model, adds no titles that repeat a name, and refuses keys of dicts that are no names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value  # in the order of the model

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        written = super().model_schema(schema)
        paragraphs = written["description"].split("\n\n")
        name = schema["cls"].__name__
        if written.get("title") == name:
            written["title"] = name.removesuffix("Spec").lower()
        return {**written, "description": "\n\n".join(" ".join(text.split()) for text in paragraphs)}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        written = super().dict_schema(schema)
        written.pop("patternProperties", None)
        written["propertyNames"] = self.generate_inner(schema["keys_schema"])
        written["additionalProperties"] = self.generate_inner(schema["values_schema"])
        return written


def schema(ref_template: str = DEFAULT_REF_TEMPLATE) -> dict[str, Any]:
    """Return the schema of a workflow, with those of its parts in `$defs`, which `ref_template` refers to."""
    made = WorkflowSpec.model_json_schema(schema_generator=_Generator, ref_template=ref_template)
    return {"$schema": DIALECT, **made}
