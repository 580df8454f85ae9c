"""Users, what lets them in, what they have and what they did."""
