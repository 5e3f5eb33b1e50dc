"""Metrics of a picture, and the tables made of them."""
