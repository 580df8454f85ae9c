"""Prefect, as the service sees it: the calls to it, the mirror of its states, flows that engineers wrote."""
