"""All kinds of drawn pictures, and how many of each a demo set holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imgvet.demo import fractals, graphics, landscapes, objects, patterns, plants, space, textures
from imgvet.demo.brush import Brush, Image
from imgvet.demo.palettes import PALETTES

Draw = Callable[[Brush], Image]

_SIZES = ((480, 360), (512, 384), (400, 400), (360, 480), (560, 315), (540, 360), (384, 512))
"""Width and height in pixels, in turns."""


@dataclass(frozen=True)
class Kind:
    """A kind of drawn picture: the folder it belongs to, its name, and the function that draws it."""

    folder: str
    draw: Draw

    @property
    def name(self) -> str:
        """Its name, for file names."""
        return self.draw.__name__


_BY_FOLDER: dict[str, tuple[Draw, ...]] = {
    "landscapes": (
        landscapes.mountains, landscapes.sea, landscapes.skyline, landscapes.aurora, landscapes.dunes,
        landscapes.misty_forest, landscapes.winter, landscapes.balloons, landscapes.clouds,
    ),
    "space": (space.nebula, space.planet, space.galaxy, space.craters),
    "textures": (
        textures.wood, textures.marble, textures.island_map, textures.contour_map, textures.turing,
        textures.pebbles, textures.stained_glass, textures.caustics, textures.hillshade, textures.bokeh,
    ),
    "patterns": (
        patterns.plaid, patterns.low_poly, patterns.fish_scales, patterns.cubes, patterns.quarter_tiles,
        patterns.rings, patterns.kaleidoscope, patterns.terrazzo, patterns.knit, patterns.maze,
        patterns.painted_blocks, patterns.quilt,
    ),
    "fractals": (
        fractals.mandelbrot, fractals.julia, fractals.newton, fractals.attractor, fractals.spirograph,
        fractals.flow,
    ),
    "plants": (
        plants.bouquet, plants.meadow, plants.sunflower, plants.leaves, plants.tree,
        plants.cactus_garden,
    ),
    "graphics": (
        graphics.bar_chart, graphics.line_chart, graphics.pie_chart, graphics.scatter_chart,
        graphics.heat_map, graphics.street_map, graphics.crossword, graphics.sheet_music,
        graphics.flag, graphics.clock_face,
    ),
    "objects": (
        objects.fruit, objects.fireworks, objects.snowflake, objects.butterfly, objects.aquarium,
        objects.chess, objects.house, objects.sailing, objects.lanterns,
    ),
}  # fmt: skip

KINDS: tuple[Kind, ...] = tuple(
    Kind(folder, draw) for folder, draws in _BY_FOLDER.items() for draw in draws
)
"""Every kind, by folder."""


def draw(kind: int, variant: int, seed: int) -> Image:
    """Draw one variant of a kind (index into ``KINDS``): the same bytes for the same numbers.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    rng = np.random.default_rng([seed, kind, variant])
    width, height = _SIZES[(kind + variant) % len(_SIZES)]
    palette = PALETTES[(seed + 5 * kind + 7 * variant) % len(PALETTES)]
    return np.ascontiguousarray(KINDS[kind].draw(Brush(rng, width, height, palette)))
