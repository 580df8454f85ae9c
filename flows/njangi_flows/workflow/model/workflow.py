"""The workflow itself: its tasks, and what they share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator

from njangi_flows.workflow.model.names import DAY, FileName, Model, Parameter, Priority, Tags, Title, unique
from njangi_flows.workflow.model.task import MAX_TASKS, TaskSpec
from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.quantities import Duration, Tolerance, ToleratedFailure

LANGUAGE = 2
"""The number of the language that workflows are written in today; `placeholders` says what 1 meant."""
LONGEST_DEADLINE = 366 * DAY


class WorkflowSpec(Model):
    """A named graph of tasks with the files and parameters they use.

    `language` is the number of the language that it is written in; a stored one that names none is of language 1.
    """

    name: Title
    language: int = 1
    description: str = Field(default="", max_length=10_000)
    priority: Priority = 50
    tags: Tags = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    inputs: dict[Parameter, FileName] = Field(default_factory=dict, max_length=1000)
    files: Annotated[list[FileName], AfterValidator(unique)] = Field(default_factory=list, max_length=10_000)
    parameters: dict[Parameter, JsonValue] = Field(default_factory=dict, max_length=1000)
    deadline: Duration | None = Field(default=None, gt=0, le=LONGEST_DEADLINE)
    cleanup: str | None = None
    tolerated_failure: ToleratedFailure = Tolerance()
    tasks: list[TaskSpec] = Field(min_length=1, max_length=MAX_TASKS)

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
