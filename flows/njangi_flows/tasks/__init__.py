"""What engineers import to have calls of their Prefect flows run by volunteers."""
