"""From findings to action: a plan of what to remove, carried out so that it can be undone."""
