"""Edits of the program's own text: where a fix goes, what it says, and the patch of it all."""
