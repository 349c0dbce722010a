"""Digests of tensors, on the CPU and on devices, and of Python values."""
