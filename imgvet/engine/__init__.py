"""Run a flow from a process of a person: server, settings, progress and errors taken care of."""
