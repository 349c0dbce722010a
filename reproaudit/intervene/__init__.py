"""The search for the smallest set of interventions that makes the runs equal."""
