"""What is wanted: the settings of a run, the plan that the recorder is given, the project, what
counts as equal."""
