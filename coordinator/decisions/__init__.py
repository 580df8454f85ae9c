"""Decisions: plain functions of plain values; no clock, no database, no event loop."""
