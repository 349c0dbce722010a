"""Starts audited programs in fresh processes, watches them and ends them; never imports torch or the recorder."""
