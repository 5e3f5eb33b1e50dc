"""The faces a person meets: command line and Python."""
