"""Readers of files that a stranger may have made, all in one table."""
