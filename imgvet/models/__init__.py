"""Model files that imgvet does not ship: where they come from, where they are kept."""
