"""Who gets what and what counts: decisions as pure functions, and the loops that apply them."""
