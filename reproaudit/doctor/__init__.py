"""Whether this machine can audit: what is there, what is missing, and what to do about it."""
