"""Routes of runs: what they do, how they are controlled, what came of them."""
