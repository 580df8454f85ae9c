"""Events as they happen, for everybody who follows them."""
