"""Coordinates of a map: embeddings -> places in the plane where alike images lie together."""
