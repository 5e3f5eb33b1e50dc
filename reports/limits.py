"""How much the report shows: the constants that keep the pages small, in one place.

The tables hold everything; a page shows the worst and says how many more there are.
"""

from __future__ import annotations

CARDS = 240
"""Entries of one gallery: exact groups, near pairs, outliers, dark, bright, blurry images."""

EXAMPLES_OF_EXTREMES = 24
"""Images of a gallery without a threshold: lowest contrast, smallest, narrowest."""

COMPONENTS = 120
"""Components that are shown with pictures."""

COMPONENT_IMAGES = 12
"""Pictures of one component."""

PAGE = 24
"""Entries of a gallery that the script shows at a time."""

COPIES = 6
"""File names listed for one group of exact copies."""

TABLE_ROWS = 500
"""Rows of the tables of invalid files, labels and videos."""

EXAMPLES = 5
"""Example file names listed for one check."""

RUNS = 50
"""Runs of the history that are shown, the latest ones."""

BARS = 20
"""Bars of a figure of categories; the others are counted together."""

BASE_LENGTH = 60
"""Characters of a file's name before its middle is left out."""

FOLDER_LENGTH = 72
"""Characters of a folder or of a message before its middle is left out."""

BINS = 40
"""Bins of a histogram, roughly: their width is rounded to a readable number."""

PICTURE_SIDE = 256
"""Long side of a picture in the report, in pixels; less if there are many."""

LEAST_PICTURE_SIDE = 128
"""Long side below which pictures are not made smaller."""

PICTURE_QUALITY = 80
"""JPEG quality of a picture in the report, of 100."""

PICTURES_BYTES = 4_500_000
"""Bytes that the pictures of a report may have without being made smaller."""

PICTURE_BYTES = 4_500
"""Bytes that a picture may have on average, if there are so many that the above is exceeded."""

MAP_POINTS = 100_000
"""Points of the map; of more images a sample is shown."""

MAP_POINTS_SLOW = 5_000
"""Points that a browser without WebGL draws; of more every second, third... is drawn."""

MAP_TILES = 30_000
"""Thumbnails of the map; of more points a sample has one."""

MAP_CATEGORIES = 12
"""Labels, splits or components that have a colour of their own on the map."""
