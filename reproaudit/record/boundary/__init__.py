"""The boundary level: batches, outputs, losses, gradients, parameters."""
