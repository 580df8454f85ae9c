"""Who calls, and what they may do, read and hear of."""
