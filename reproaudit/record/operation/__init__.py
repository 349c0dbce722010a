"""The operation level: every dispatched operator, and what is asked about chosen ones."""
