"""Why runs differ, and what mends it: from located sources to causes, and to fixes that were run."""
