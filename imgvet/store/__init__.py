"""Packs of results by content, the file index, and references to stage outputs."""
