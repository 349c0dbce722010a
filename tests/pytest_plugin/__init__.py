"""Tests of repetitions within one process and of the pytest plugin."""
