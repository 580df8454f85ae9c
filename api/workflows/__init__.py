"""Workflows as callers write, compare and read them."""
