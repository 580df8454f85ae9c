"""The workflow language: its model, its checks, how tasks are split, filled and aggregated. Loads without Prefect."""
