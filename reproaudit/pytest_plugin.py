"""The pytest plugin: fixture, marker, options, summary. Imports neither torch nor NumPy until it is used."""
