"""The explorer: the report of a run served on this machine, with search, filters and lists."""
