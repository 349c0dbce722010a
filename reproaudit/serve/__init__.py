"""Shows the audits that lie in a folder in a browser of this machine: a list, one of them, or two
side by side."""
