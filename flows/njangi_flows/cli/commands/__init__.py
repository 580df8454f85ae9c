"""The commands of `njangi`, a module for each noun."""
