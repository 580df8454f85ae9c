"""The workflow itself: its tasks, and what they share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from njangi_flows.workflow.model.names import DAY, UNIQUE, FileName, Model, Parameter, Priority, Tags, Title, unique
from njangi_flows.workflow.model.task import MAX_TASKS, TaskSpec
from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.quantities import Duration, Tolerance, ToleratedFailure
from njangi_flows.workflow.written_forms import Schema

LANGUAGE = 2
"""The number of the language that workflows are written in today; `placeholders` says what 1 meant."""
LONGEST_DEADLINE = 366 * DAY


def _numbers(schema: Schema) -> None:
    """Tell the numbers that there are, and no default: it depends on whether the workflow is stored."""
    del schema["default"]
    schema["enum"] = [*range(1, LANGUAGE + 1)]


class WorkflowSpec(Model):
    """A workflow: tasks that depend on each other, with the files and the parameters that they use."""

    model_config = ConfigDict(title="Njangi workflow")

    name: Title = Field(description="The name of the workflow.", examples=["mersenne-factors"])
    language: int = Field(
        default=1,
        description=(
            "The version of the language in which the workflow is written. A workflow that you create or edit without "
            f"it gets {LANGUAGE}, the current version. A workflow that was stored without it has 1."
        ),
        examples=[LANGUAGE],
        json_schema_extra=_numbers,
    )
    description: str = Field(
        default="",
        max_length=10_000,
        description="What the workflow is for, in a sentence or more.",
        examples=["Look for small factors of Mersenne numbers"],
    )
    priority: Priority = Field(
        default=50,
        description="Runs with a higher priority get machines first. A task can have a priority of its own.",
        examples=[80],
    )
    tags: Tags = Field(
        default_factory=list,
        description="Words by which you find the workflow and its runs.",
        examples=[["number-theory", "example"]],
    )
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Anything that you want to keep with the workflow. Njangi does not use it.",
        examples=[{"grant": "CM-2026-17"}],
    )
    inputs: dict[Parameter, FileName] = Field(
        default_factory=dict,
        max_length=1000,
        description=(
            "Names for files that accompany the workflow. In a command `{name}` stands for the path of the file. "
            "Each task that uses the name gets the file."
        ),
        examples=[{"exponents": "exponents.txt"}],
    )
    files: Annotated[list[FileName], AfterValidator(unique)] = Field(
        default_factory=list,
        max_length=10_000,
        description="Files that accompany the workflow, for tasks that are split over files by a pattern.",
        examples=[["data/a.csv", "data/b.csv"]],
        json_schema_extra=UNIQUE,
    )
    parameters: dict[Parameter, JsonValue] = Field(
        default_factory=dict,
        max_length=1000,
        description=(
            "Parameters of the workflow with their defaults. In a task `{name}` stands for the value. "
            "You can give other values of the same kind when you start a run."
        ),
        examples=[{"days": 200, "region": "Adamawa"}],
    )
    deadline: Annotated[Duration, Field(gt=0, le=LONGEST_DEADLINE)] | None = Field(
        default=None,
        description=(
            "How long a run may take. After this time it fails at once. You can give another deadline when you start "
            "a run. Without it there is no such limit."
        ),
        examples=["6h"],
    )
    cleanup: str | None = Field(
        default=None,
        description=(
            "The task that runs when a run is cancelled, and only then. It must be a `command` or `python` task "
            "without dependencies, and no task can depend on it."
        ),
        examples=["withdraw"],
    )
    tolerated_failure: ToleratedFailure = Field(
        default=Tolerance(),
        description=(
            "How many subtasks of a task may fail before the task fails: a number, or a percentage of all. "
            "A task can have a value of its own."
        ),
        examples=["5%", 3],
        json_schema_extra={"default": 0},
    )
    tasks: list[TaskSpec] = Field(
        min_length=1,
        max_length=MAX_TASKS,
        description="The tasks. Their dependencies must not form a circle.",
        examples=[[{"name": "greet", "command": "echo hello"}]],
    )

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: int) -> int:
        if not 1 <= language <= LANGUAGE:
            raise wrong("language", limit=LANGUAGE, given=str(language))
        return language

    @field_validator("tasks")
    @classmethod
    def _inherit(cls, tasks: list[TaskSpec], info: ValidationInfo) -> list[TaskSpec]:
        """Give each task the workflow's priority and tolerance where it names none of its own."""
        common = {name: info.data[name] for name in ("priority", "tolerated_failure") if name in info.data}
        return [
            task.model_copy(update={name: value for name, value in common.items() if name not in task.model_fields_set})
            if task.on_volunteers
            else task
            for task in tasks
        ]

    def task(self, name: str) -> TaskSpec:
        """Return the task of that name. Raises KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def file(self, name: str) -> str:
        """Return the file that `name` stands for: an input's file, or the file of that very name."""
        return self.inputs.get(name, name)

    def data_files(self) -> list[str]:
        """Return the files that `split: {files: pattern}` picks from: `files` and those of `inputs`, sorted."""
        return sorted({*self.files, *self.inputs.values()})
