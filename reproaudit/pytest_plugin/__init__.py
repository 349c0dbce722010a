"""The pytest plugin: fixture, marker, options and summary. Imports neither torch nor NumPy until it
is used."""
