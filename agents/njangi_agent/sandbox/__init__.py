"""Keep a task away from the machine it runs on: its isolation, its limits, its folder and the removal of that."""
