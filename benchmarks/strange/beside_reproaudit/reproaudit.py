"""Not the tool."""
