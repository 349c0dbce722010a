"""Tests of what is looked at on a machine."""
