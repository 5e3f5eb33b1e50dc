"""Detectors: what to crop out of a picture (faces, text, objects)."""
