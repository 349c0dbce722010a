"""From evidence to findings: why a source differs, and what to do about it."""
