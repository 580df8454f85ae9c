"""How a run is executed: a Prefect flow that splits tasks, waits for volunteers and aggregates results."""
