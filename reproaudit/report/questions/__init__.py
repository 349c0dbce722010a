"""The facts that only some questions bring out, in words that all formats share."""
