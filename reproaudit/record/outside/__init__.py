"""What comes into a program from outside PyTorch: clocks, entropy, listings, files."""
