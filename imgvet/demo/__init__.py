"""The demo set: about a hundred pictures with planted, known problems."""
