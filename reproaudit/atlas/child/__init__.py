"""What runs in the worker process: the only part of the atlas that imports torch."""
