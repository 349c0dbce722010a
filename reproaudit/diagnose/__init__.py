"""Why runs differ, and what mends it: from located sources to causes and fixes that were run."""
