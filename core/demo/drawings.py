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
        landscapes.mountains: (1, 4, 9, 0), landscapes.sea: (6, 8, 13),
        landscapes.skyline: (7,), landscapes.aurora: (2, 0, 11), landscapes.dunes: (9,),
        landscapes.misty_forest: (8, 13), landscapes.winter: (12, 3, 2),
        landscapes.balloons: (3, 12, 14, 15, 4),
    }),
    *_kinds("space", {
        space.nebula: (9, 0, 13, 7), space.planet: (15, 3, 4, 0, 8),
        space.galaxy: (13, 4, 11, 8, 2), space.craters: (9, 11, 4),
    }),
    *_kinds("textures", {
        textures.wood: (14, 2, 3, 15, 5), textures.marble: (3, 2, 10),
        textures.island_map: (7, 10, 6, 14, 11), textures.contour_map: (10, 8),
        textures.turing: (1,), textures.pebbles: (12, 8, 1, 6, 13),
        textures.stained_glass: (8, 3), textures.caustics: (0, 2, 4),
        textures.hillshade: (4, 1, 3, 9, 5), textures.bokeh: (2,),
    }),
    *_kinds("patterns", {
        patterns.plaid: (0, 12, 6, 7), patterns.low_poly: (3, 4),
        patterns.fish_scales: (8, 7, 12, 2, 10), patterns.cubes: (3, 15, 4),
        patterns.quarter_tiles: (6, 0, 8, 14, 12), patterns.rings: (15, 14, 2, 7, 11),
        patterns.kaleidoscope: (11, 12, 15, 9), patterns.terrazzo: (11, 5),
        patterns.knit: (15, 5, 8, 2, 9), patterns.maze: (13, 12, 5, 14, 0),
        patterns.painted_blocks: (13, 14), patterns.quilt: (8, 2),
    }),
    *_kinds("fractals", {
        fractals.mandelbrot: (4, 10, 3, 8, 13), fractals.julia: (14, 0, 8, 5, 3),
        fractals.newton: (4, 5, 7, 9, 8), fractals.attractor: (6, 8, 2, 13, 4),
        fractals.spirograph: (5, 12, 8, 13, 10), fractals.flow: (12, 10),
    }),
    *_kinds("plants", {
        plants.bouquet: (7, 3), plants.meadow: (0, 13, 2), plants.sunflower: (6,),
        plants.leaves: (0, 1, 15, 12, 7), plants.tree: (11,),
        plants.cactus_garden: (14, 4, 3),
    }),
    *_kinds("graphics", {
        graphics.bar_chart: (10, 3), graphics.line_chart: (14, 13, 0),
        graphics.pie_chart: (0, 5), graphics.scatter_chart: (12, 7), graphics.heat_map: (3,),
        graphics.street_map: (2, 13, 7), graphics.crossword: (12,),
        graphics.sheet_music: (5, 14), graphics.flag: (7, 5, 0, 15), graphics.clock_face: (0,),
    }),
    *_kinds("objects", {
        objects.fruit: (9,), objects.fireworks: (1, 12, 11, 6, 2),
        objects.snowflake: (15, 6, 10, 5, 13), objects.butterfly: (5, 0),
        objects.aquarium: (9, 5, 2, 10), objects.chess: (9, 5, 3, 2), objects.house: (11,),
        objects.sailing: (4, 13), objects.lanterns: (0,),
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
