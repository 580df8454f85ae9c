"""The root of the errors that this package raises on purpose.

FlowsError
+-- InvalidSpecError           a workflow is not valid (workflow.problems)
+-- NotFilledError             a placeholder cannot be filled (workflow.filling)
+-- NotOfKindError             a value does not fit its parameter (workflow.parameter_values)
+-- AggregateError             results cannot be aggregated (workflow.aggregate)
+-- HistoryError               events do not tell one run (runs.history)
+-- ServiceError               the service refuses a call of a flow (engine.errors)
|   +-- LeaseTakenError        another holder has the run lease
|   +-- RunHeldElsewhereError  another holder executes the run now
|   +-- RunHasEndedError       the run has ended
+-- NoServiceError             no service answers at this address (engine.errors)
+-- WrongBlobError             a blob arrives with other contents (engine.errors)
+-- NoTokenError               the environment has no token (engine.settings)
+-- ForeignFlowError           a deployment names another flow than this worker executes (engine.worker)
+-- StoppedError               the run is to stop (engine.run_lease)
+-- TaskFailedError            a task failed (engine.task_execution)
|   +-- SignalTimeoutError     no signal came in time (engine.waiting_tasks)
|   +-- ChildFailedError       the run of another workflow failed (engine.waiting_tasks)
+-- BatchFailedError           a batch of subtasks failed (engine.task_execution)
+-- NoBytesError               a result is not bytes (engine.binary_results)
+-- VolunteerTaskError         a call failed on volunteers (tasks.calls)
+-- NoFlowError                a volunteer task is called outside of a flow (tasks.volunteer_tasks)
+-- OptionRefusedError         an option of Prefect that volunteer tasks do not take (tasks.options)
+-- NotSelfContainedError      a function uses names that cannot travel (tasks.captured_names)
+-- ClientError                a call of the typed client failed (client.errors)
"""


class FlowsError(Exception):
    """Base of all errors that this package raises on purpose."""
