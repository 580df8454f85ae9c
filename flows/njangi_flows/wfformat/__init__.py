"""Workflows in WfFormat (WfCommons), in and out."""
