"""Find out whether a PyTorch program is reproducible, where two runs first differ, and why."""

__version__ = "0.2.0"
