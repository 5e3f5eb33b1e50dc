"""All kinds of drawn pictures, and how many of each a demo set holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from imgvet.demo import fractals, graphics, landscapes, objects, patterns, plants, space, textures
from imgvet.demo.brush import Brush, Image
from imgvet.demo.palettes import PALETTES

Draw = Callable[[Brush], Image]

_SIZES = ((480, 360), (512, 384), (400, 400), (360, 480), (560, 315), (540, 360), (384, 512))
"""Width and height in pixels, in turns."""


@dataclass(frozen=True)
class Kind:
    """A kind of drawn picture.

    Attributes:
        folder: folder of the demo set that it belongs to.
        draw: the function that draws it.
        variants: which of its endless variants a demo set holds.
    """

    folder: str
    draw: Draw
    variants: tuple[int, ...]

    @property
    def name(self) -> str:
        """Its name, for file names."""
        return self.draw.__name__


def _kinds(folder: str, variants: Mapping[Draw, tuple[int, ...]]) -> tuple[Kind, ...]:
    return tuple(Kind(folder, draw, chosen) for draw, chosen in variants.items())


KINDS: tuple[Kind, ...] = (
    *_kinds("landscapes", {
        landscapes.mountains: (1, 14, 9, 0, 3), landscapes.sea: (4, 15),
        landscapes.skyline: (3, 2), landscapes.aurora: (11, 3, 0),
        landscapes.dunes: (13, 0, 15, 8), landscapes.misty_forest: (1, 13),
        landscapes.winter: (12, 3, 0, 13), landscapes.balloons: (3, 12, 7, 8, 4),
    }),
    *_kinds("space", {
        space.nebula: (9, 0, 14, 7, 8), space.planet: (1, 2, 13, 0, 6),
        space.galaxy: (13, 4, 2, 11, 8), space.craters: (10, 9, 0, 1, 7),
    }),
    *_kinds("textures", {
        textures.wood: (5, 7), textures.marble: (10, 3), textures.island_map: (10, 0, 4, 3, 14),
        textures.contour_map: (8, 13, 6), textures.turing: (5,),
        textures.pebbles: (11, 2, 1, 3, 14), textures.stained_glass: (10, 1),
        textures.caustics: (3, 2, 9), textures.hillshade: (1, 10, 6, 2, 4),
        textures.bokeh: (6, 0, 5),
    }),
    *_kinds("patterns", {
        patterns.plaid: (1, 12, 4), patterns.low_poly: (11, 3),
        patterns.fish_scales: (8, 2, 3, 12, 10), patterns.cubes: (13, 2, 15, 9),
        patterns.quarter_tiles: (0, 1, 3, 9, 7), patterns.rings: (2, 11, 7, 3, 1),
        patterns.kaleidoscope: (0, 12, 8, 15, 9), patterns.terrazzo: (11, 5),
        patterns.knit: (15, 3, 2, 8, 13), patterns.maze: (13, 12, 5),
        patterns.painted_blocks: (11,), patterns.quilt: (0, 2),
    }),
    *_kinds("fractals", {
        fractals.mandelbrot: (9, 11, 4, 7, 8), fractals.julia: (5, 14, 0, 1, 15),
        fractals.newton: (5, 9, 4, 12, 10), fractals.attractor: (6, 8, 4, 13, 3),
        fractals.spirograph: (11, 8, 13, 3, 10), fractals.flow: (7, 10, 4),
    }),
    *_kinds("plants", {
        plants.bouquet: (15, 6), plants.meadow: (13, 6, 3, 15), plants.sunflower: (9, 3),
        plants.leaves: (6, 12, 3, 0, 4), plants.tree: (12, 13),
        plants.cactus_garden: (11, 5, 3, 2, 1),
    }),
    *_kinds("graphics", {
        graphics.bar_chart: (10, 5, 13), graphics.line_chart: (9, 0, 2, 15),
        graphics.pie_chart: (8, 7, 4), graphics.scatter_chart: (9, 3), graphics.heat_map: (0, 2),
        graphics.street_map: (1, 13, 0, 7), graphics.crossword: (8, 3),
        graphics.sheet_music: (12, 13), graphics.flag: (0, 7, 14), graphics.clock_face: (0,),
    }),
    *_kinds("objects", {
        objects.fruit: (12, 10, 14, 6), objects.fireworks: (1, 12, 11, 6, 2),
        objects.snowflake: (6, 0, 10, 2, 8), objects.butterfly: (2, 7),
        objects.aquarium: (2, 10, 5, 9, 0), objects.chess: (1, 3, 8, 7), objects.house: (7,),
        objects.sailing: (0, 13), objects.lanterns: (7, 12, 4, 6),
    }),
)  # fmt: skip
"""Every kind, by folder, and the variants of it that a demo set holds.

The variants were chosen so that no two pictures are near duplicates (similarity 0.9 or more) for
the built-in model, and that none is dark, bright or blurry with the default thresholds.
"""


def draw(kind: Kind, variant: int) -> Image:
    """Draw one variant of a kind: the same picture each time.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    start = crc32(kind.name.encode())
    width, height = _SIZES[(start + variant) % len(_SIZES)]
    palette = PALETTES[(start + 7 * variant) % len(PALETTES)]
    brush = Brush(np.random.default_rng([start, variant]), width, height, palette)
    return np.ascontiguousarray(kind.draw(brush))
