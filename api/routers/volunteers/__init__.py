"""Routes of volunteers: for their agents and for those who look after them."""
