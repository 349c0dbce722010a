"""The audited process: how the recorder comes in, what the subject is, and how it ends."""
