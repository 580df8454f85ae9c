"""MongoDB, one class per collection. Nothing outside this package knows pymongo."""
