"""The determinism atlas: which operators of PyTorch give different results for equal inputs, and
which say so."""
