"""The golden lock: what a program computed, kept as text beside it, and what a later run makes of
that."""
