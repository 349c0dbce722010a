"""What each word of the command line does: one module per command or group of commands, imported when it is used."""
