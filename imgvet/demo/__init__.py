"""A set of pictures with planted, known problems, for a first run and for tests."""
