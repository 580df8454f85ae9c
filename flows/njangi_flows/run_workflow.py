"""The name under which deployments know the flow that executes workflows; it is in `njangi_flows.engine`."""

from njangi_flows.engine.run_workflow import run_workflow

__all__ = ["run_workflow"]
