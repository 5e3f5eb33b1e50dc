"""Nearest neighbours, similar pairs, connected components and outliers."""
