"""Traces: the files that one run leaves, and how they are written and read."""
