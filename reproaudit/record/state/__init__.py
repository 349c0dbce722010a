"""The random state of a process: read, compared, kept and put back; nothing is drawn."""
