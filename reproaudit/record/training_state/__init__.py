"""What a training program needs to go on from a checkpoint: where it is, and what becomes of it."""
