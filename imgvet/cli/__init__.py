"""The command line, made of ``RunOptions`` and a function for each command."""
