"""The catalogue of metrics: each measured column once, with meaning, unit, range and source.

All metrics but the first five are taken at *standard size*: orientation applied, alpha composited
on white (white things on black), 8 bits, reduced (never enlarged) to a short side of 256 pixels.
Thresholds therefore mean the same for a 12-megapixel photograph and for its web copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from imgvet.options import FlagOptions

STANDARD_SHORT_SIDE = 256
"""Short side of the standard size and of a thumbnail, in pixels."""

MEASURE_VERSION = 5
"""Raise when a basic metric, the orientation hash, the decoding or the thumbnails change: stored
measures go stale."""

ADVANCED_VERSION = 1
"""Raise when an advanced metric changes."""


class Direction(StrEnum):
    """Which end of a metric's range is the good one."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    MIDDLE = "neither end is good"
    NEUTRAL = "descriptive"


@dataclass(frozen=True)
class Metric:
    """One measured column.

    Its values lie in ``low..high`` (None: no bound); the unit of pure numbers is empty; ``source``
    is a formula, paper or documentation; advanced ones need ``run_advanced_stats``.
    """

    name: str
    title: str
    meaning: str
    unit: str
    low: float | None
    high: float | None
    direction: Direction
    source: str
    integer: bool = False
    advanced: bool = False


_POSITIVE = (1.0, None)
_GRAY = (0.0, 255.0)
_SHARE = (0.0, 1.0)
_LUMA = "luma of ITU-R BT.601 as OpenCV computes it (cvtColor, RGB2GRAY)"

METRICS: tuple[Metric, ...] = (
    Metric("width", "Width", "Width of the picture as shown (orientation applied).", "pixels",
           *_POSITIVE, Direction.NEUTRAL, "image header", integer=True),
    Metric("height", "Height", "Height of the picture as shown (orientation applied).", "pixels",
           *_POSITIVE, Direction.NEUTRAL, "image header", integer=True),
    Metric("channels", "Channels", "Channels of the file: 1 gray, 2 gray and alpha, 3 "
           "colour or palette, 4 colour and alpha or CMYK.",
           "", *_POSITIVE, Direction.NEUTRAL, "decoder", integer=True),
    Metric("bit_depth", "Bit depth", "Bits per channel in the file; 8 for palettes.",
           "bits", 1.0, 64.0, Direction.NEUTRAL, "decoder", integer=True),
    Metric("file_size", "File size", "Size of the file.", "bytes", *_POSITIVE, Direction.NEUTRAL,
           "file system", integer=True),
    Metric("unique", "Distinct gray levels", "How many of the 256 gray levels occur; few mean a "
           "flat or drawn picture.", "levels", 1.0, 256.0, Direction.HIGHER, _LUMA,
           integer=True),
    Metric("sharpness", "Sharpness", "How much steeper the strongest edges are over 1 pixel than "
           "over 9; low means blurred. Independent of contrast; 1 for a picture without edges.",
           "", *_SHARE, Direction.HIGHER, "1 - D(9) / (9 D(1)) with D(n) the 4-norm of "
           "differences between pixels n apart, the lesser of both axes; after Crete et al., The "
           "blur effect, SPIE 6492, 2007"),
    Metric("mean", "Mean brightness", "Mean gray level.", "gray levels", *_GRAY,
           Direction.MIDDLE, _LUMA),
    Metric("min", "Darkest level", "Least gray level.", "gray levels", *_GRAY, Direction.NEUTRAL,
           _LUMA),
    Metric("max", "Brightest level", "Greatest gray level.", "gray levels", *_GRAY,
           Direction.NEUTRAL, _LUMA),
    Metric("stdv", "Standard deviation", "Standard deviation of the gray level.", "gray levels",
           0.0, 127.5, Direction.HIGHER, _LUMA),
    Metric("percentile_5", "5th percentile", "Gray level that 5 % of the pixels do not exceed; "
           "high means a washed-out, bright picture.", "gray levels", *_GRAY, Direction.MIDDLE,
           "nearest-rank percentile of the gray histogram"),
    Metric("percentile_99", "99th percentile", "Gray level that 99 % of the pixels do not exceed; "
           "low means a dark picture.", "gray levels", *_GRAY, Direction.MIDDLE,
           "nearest-rank percentile of the gray histogram"),
    Metric("contrast", "Contrast", "Michelson contrast between the 99th and 1st percentile.", "",
           *_SHARE, Direction.HIGHER,
           "(p99 - p1) / (p99 + p1), 0 if black; Michelson, Studies in Optics, 1927"),
    Metric("rms_contrast", "RMS contrast", "Standard deviation of intensity scaled to 0..1.", "",
           0.0, 0.5, Direction.HIGHER, "Peli, Contrast in complex images, JOSA A 7(10), 1990",
           advanced=True),
    *(Metric(f"mean_rel_intensity_{letter}", f"Relative {colour}", f"Mean share of {colour} in "
             "red + green + blue, over pixels that are not black; a third if all are.", "",
             *_SHARE, Direction.NEUTRAL, f"mean of {letter.upper()} / (R + G + B)", advanced=True)
      for letter, colour in (("r", "red"), ("g", "green"), ("b", "blue"))),
    Metric("mean_hue", "Mean hue", "Circular mean of hue, weighted by saturation; 0 if gray.",
           "degrees", 0.0, 360.0, Direction.NEUTRAL, "angle of the mean of s * exp(i h); HSV",
           advanced=True),
    Metric("mean_saturation", "Mean saturation", "Mean saturation; 0 is gray.", "", *_SHARE,
           Direction.NEUTRAL, "HSV", advanced=True),
    Metric("mean_val", "Mean value", "Mean of the brightest channel.", "", *_SHARE,
           Direction.NEUTRAL, "HSV", advanced=True),
    Metric("edge_density", "Edge density", "Share of pixels on an edge.", "", *_SHARE,
           Direction.NEUTRAL, "Canny with thresholds 100 and 200 of gray levels; Canny, "
           "A Computational Approach to Edge Detection, PAMI 8(6), 1986",
           advanced=True),
    *(Metric(f"mean_{letter}", f"Mean {colour}", f"Mean of the {colour} channel.", "levels", *_GRAY,
             Direction.NEUTRAL, "arithmetic mean", advanced=True)
      for letter, colour in (("r", "red"), ("g", "green"), ("b", "blue"))),
)  # fmt: skip
"""Every metric, in the order of the columns of the stats table."""

BASIC_METRICS: tuple[Metric, ...] = tuple(metric for metric in METRICS if not metric.advanced)
ADVANCED_METRICS: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.advanced)
METRIC_BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True)
class Flag:
    """A property of a picture that a limit on one metric decides.

    ``option`` is the run option that holds the limit; ``below`` flags values below it, else
    those above; ``meaning`` is what a flagged picture looks like.
    """

    name: str
    metric: str
    option: str
    below: bool
    meaning: str


FLAGS: tuple[Flag, ...] = (
    Flag("dark", "percentile_99", "dark_threshold", below=True,
         meaning="nearly all of the picture is dark"),
    Flag("bright", "percentile_5", "bright_threshold", below=False,
         meaning="nearly all of the picture is white"),
    Flag("blurry", "sharpness", "blur_threshold", below=True,
         meaning="not even its strongest edges are sharp"),
)  # fmt: skip
"""What the summary, the checks and the report call dark, bright and blurry."""


def limit_of(flag: Flag, options: FlagOptions) -> float:
    """The value of the metric at which the flag begins; that value itself is not flagged."""
    return float(getattr(options, flag.option))


def flagged(stats: pd.DataFrame, options: FlagOptions) -> dict[str, pd.Series[bool]]:
    """By flag, in the order of FLAGS: whether each row of the stats table has it.

    Rows without a value and missing columns are never flagged.
    """
    import pandas as pd  # Late: what decodes an image needs the catalogue, but no tables.

    which = {}
    for flag in FLAGS:
        values = stats.get(flag.metric, pd.Series(float("nan"), stats.index))
        values = pd.to_numeric(values).astype("float64")
        limit = limit_of(flag, options)
        which[flag.name] = values < limit if flag.below else values > limit
    return which
