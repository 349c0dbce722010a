"""The program's own lines, and the Python values that each changes."""
