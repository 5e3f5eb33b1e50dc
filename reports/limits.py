"""How much the report shows: the constants that keep the page small, in one place.

The tables hold everything; the page shows the worst and says how many more there are.
"""

from __future__ import annotations

CARDS = 48
"""Cards of one gallery: exact groups, near pairs, outliers, dark, bright, blurry images."""

COMPONENTS = 16
"""Components that are shown with pictures."""

COMPONENT_IMAGES = 6
"""Pictures of one component."""

COPIES = 6
"""File names listed for one group of exact copies."""

TABLE_ROWS = 500
"""Rows of the table of invalid files."""

EXAMPLES = 5
"""Example file names listed for one check."""

BASE_LENGTH = 60
"""Characters of a file's name before its middle is left out."""

FOLDER_LENGTH = 72
"""Characters of a folder or of a message before its middle is left out."""

BINS = 40
"""Bins of a histogram, roughly: their width is rounded to a readable number."""

PICTURE_SIDE = 256
"""Long side of a picture in the report, in pixels."""

PICTURE_QUALITY = 80
"""JPEG quality of a picture in the report, of 100."""
