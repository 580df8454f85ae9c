"""The workflow as a submitter writes it: which fields there are, what they may hold, what they default to.

Each model decides what one object alone can tell; what needs a look across tasks and files is `checks`.
A model written out with `model_dump(mode="json")` reads back as the same model.
"""

from njangi_flows.workflow.model.limits import LEAST_MEMORY, LEAST_STORAGE, Resources, Retry, Timeouts
from njangi_flows.workflow.model.names import Tags, is_slug
from njangi_flows.workflow.model.splits import MAX_ITEMS, AggregateKind, AggregateSpec, RangeSpec, SplitSpec
from njangi_flows.workflow.model.task import MAX_TASKS, PythonSpec, TaskSpec
from njangi_flows.workflow.model.workflow import LANGUAGE, LONGEST_DEADLINE, WorkflowSpec

__all__ = [
    "LANGUAGE",
    "LEAST_MEMORY",
    "LEAST_STORAGE",
    "LONGEST_DEADLINE",
    "MAX_ITEMS",
    "MAX_TASKS",
    "AggregateKind",
    "AggregateSpec",
    "PythonSpec",
    "RangeSpec",
    "Resources",
    "Retry",
    "SplitSpec",
    "Tags",
    "TaskSpec",
    "Timeouts",
    "WorkflowSpec",
    "is_slug",
]
