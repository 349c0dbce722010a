"""Not the library."""
