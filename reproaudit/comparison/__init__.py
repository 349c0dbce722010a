"""Comparing two runs: how tensors differ, whether batches hold the same samples, which events
belong together."""
