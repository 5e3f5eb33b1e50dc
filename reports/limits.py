"""How much the report shows: the constants that keep the pages small, in one place.

The tables hold everything; a page shows the worst and says how many more there are.
"""

from __future__ import annotations

PAGE = 24  # entries of a gallery that the script shows at a time
CARDS = 240  # entries of a gallery: exact groups, near pairs, outliers, dark images, crops, ...
EXAMPLES_OF_EXTREMES = 24  # images of a gallery without a limit: lowest contrast, smallest, ...
COPIES = 6  # file names of a group of exact copies
COMPONENTS = 120
COMPONENT_IMAGES = 12
VIDEOS = 60
VIDEO_IMAGES = 6
VIDEO_PAIRS = 48
TABLE_ROWS = 500  # rows of the tables of invalid files and of labels
EXAMPLES = 5  # file names listed for a check
CLASSES = 12  # labels of the table that tells the near pairs of each two of them
RUNS = 500  # runs in the table and the charts of the history, the latest ones

BINS = 40  # of a histogram, roughly: their width is rounded to a readable number
BARS = 20  # of a figure of categories; the others are counted together

BASE_LENGTH = 60  # characters of a file's name before its middle is left out
LABEL_LENGTH = 30  # of a category in a figure
FOLDER_LENGTH = 72
DETAIL_LENGTH = 144  # of what a decoder said of a file
MESSAGE_LENGTH = 288  # of what a check said, and of a parameter

PICTURE_SIDE = 256  # long side of a picture in pixels; less if there are many
LEAST_PICTURE_SIDE = 128
PICTURE_QUALITY = 80  # JPEG, of 100
PICTURES_BYTES = 4_500_000  # of all pictures, before they are made smaller
PICTURE_BYTES = 4_500  # of one picture on average, if there are so many that this is more

MAP_POINTS = 100_000  # of more images a sample is shown
MAP_POINTS_SLOW = 5_000  # that a browser without WebGL draws; of more every second, third, ...
MAP_TILES = 30_000  # thumbnails of the map; of more points a sample has one
MAP_CATEGORIES = 12  # labels, splits or components that have a colour of their own
