"""Read what is stored of a run: why it failed, its history rebuilt from its events."""
