"""What two runs were made of, as documents: written beside a run, and compared later."""
