"""Drawn plants."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import (
    Brush,
    Colour,
    Image,
    Point,
    cover,
    disc,
    ellipse,
    mix,
    polygon,
    polyline,
    shaded,
)  # fmt: skip


def _flower(brush: Brush, image: Image, centre: Point, radius: float, colour: Colour) -> None:
    """A flower of several whorls of petals."""
    rng = brush.rng
    petals, slender, start = rng.integers(5, 14), rng.uniform(0.18, 0.42), rng.uniform(0, 360)
    for whorl, size in enumerate((1.0, 0.72, 0.45)):
        tone = mix(colour, (255, 255, 255), 0.16 * whorl)
        for petal in range(petals):
            degrees = start + 360 / petals * (petal + 0.5 * whorl)
            turn = np.deg2rad(degrees)
            middle = np.asarray(centre) + radius * size * 0.55 * np.array(
                [np.cos(turn), np.sin(turn)]
            )
            ellipse(image, middle, (radius * size * 0.55, radius * size * slender), degrees,
                    mix(tone, (40, 10, 30), 0.14 * (petal % 2)))  # fmt: skip
    disc(image, centre, radius * 0.2, (246, 196, 60))
    disc(image, centre, radius * 0.11, (150, 90, 30))


def bouquet(brush: Brush) -> Image:
    """Flowers in a vase."""
    rng = brush.rng
    image = cover(brush.sky(0.75, 0.95), brush.colour(0.5), 0.35 * brush.noise(180, 3))
    table = int(brush.height * 0.82)
    cv2.rectangle(image, (0, table), (brush.width, brush.height), brush.colour(0.35), -1)
    x, neck, foot = brush.width / 2, brush.height * 0.58, brush.height * 0.93
    heads = [(x + rng.normal(0, 0.16) * brush.width, rng.uniform(0.14, 0.5) * brush.height)
             for _ in range(rng.integers(5, 17))]  # fmt: skip
    for head in heads:
        middle = (x + (head[0] - x) * 0.4, (head[1] + neck) / 2)
        polyline(image, [head, middle, (x, neck + 10)], (52, 104, 52), 3)
        ellipse(image, middle, (0.05 * brush.height, 0.018 * brush.height), rng.uniform(0, 180),
                (70, 128, 62))  # fmt: skip
    belly, lip = rng.uniform(0.1, 0.2) * brush.height, 0.06 * brush.height
    t = np.linspace(0, 1, 30)
    half = lip + (belly - lip) * np.sin(np.pi * t**0.8) ** 2
    side = np.stack([x + half, neck + t * (foot - neck)], 1)
    polygon(image, np.vstack([side, (side * (-1, 1) + (2 * x, 0))[::-1]]), brush.colour(0.15))
    polyline(image, side[4:26] - (half[4:26] * 0.6)[:, None] * (1, 0), brush.colour(0.6), 4)
    for head in sorted(heads, key=lambda head: head[1]):
        radius = rng.uniform(0.07, 0.13) * brush.height
        petals = mix(brush.colour(rng.uniform(0.4, 0.85)), (230, 60, 90), rng.uniform(0, 0.5))
        _flower(brush, image, head, radius, petals)
    return image


def meadow(brush: Brush) -> Image:
    """Grass and flowers under a sky."""
    rng = brush.rng
    image = brush.sky(0.65, 1.0)
    image = cover(image, (255, 255, 255), (brush.noise(120, 5) - 0.5) * 1.6)
    greens = [(38, 88, 40), (66, 124, 52), (110, 160, 70)]
    for y in np.linspace(0.55, 1.15, 420) * brush.height:
        foot = np.array([rng.uniform(0, brush.width), y])
        tall, lean = rng.uniform(0.08, 0.22) * brush.height, rng.normal(0, 0.06) * brush.height
        polygon(image, [np.add(foot, step) for step in ((-2.5, 0), (2.5, 0), (lean, -tall))],
                greens[rng.integers(3)])  # fmt: skip
        if rng.random() < 0.14:
            _flower(brush, image, np.add(foot, (lean, -tall)), rng.uniform(0.02, 0.05) * y,
                    brush.colour(rng.uniform(0.4, 0.9)))  # fmt: skip
    return image


def sunflower(brush: Brush) -> Image:
    """One large head with seeds in spirals."""
    rng = brush.rng
    image = cover(brush.sky(0.3, 0.75), brush.colour(0.9), 0.5 * brush.noise(90, 2))
    x, y = brush.width * rng.uniform(0.35, 0.65), brush.height * rng.uniform(0.4, 0.6)
    radius = rng.uniform(0.22, 0.42) * brush.height
    petals = rng.integers(16, 34)
    for ring in (1.0, 0.85):
        for petal in range(petals):
            degrees = 360 / petals * (petal + ring * 3)
            turn = np.deg2rad(degrees)
            middle = (x + radius * ring * np.cos(turn), y + radius * ring * np.sin(turn))
            ellipse(image, middle, (0.5 * radius, 0.13 * radius), degrees,
                    mix((250, 190, 30), (225, 110, 20), rng.random() * 0.8))  # fmt: skip
    disc(image, (x, y), 0.72 * radius, (60, 36, 20))
    for seed in range(420):
        turn, reach = seed * 2.399963, 0.7 * radius * np.sqrt(seed / 420)
        disc(image, (x + reach * np.cos(turn), y + reach * np.sin(turn)), 0.022 * radius,
             mix((120, 80, 40), (205, 160, 70), seed / 420))  # fmt: skip
    return image


def leaves(brush: Brush) -> Image:
    """Fallen leaves, all over."""
    rng = brush.rng
    image = brush.plain(0.05)
    outline = np.linspace(0, 2 * np.pi, 90)
    lobes, sharp = rng.integers(1, 5), rng.uniform(0.1, 0.45)
    for size in np.sort(rng.uniform(0.09, 0.26, rng.integers(50, 110))) * brush.height:
        shape = 1 + sharp * np.sin(outline * (2 * lobes + 1) + np.pi / 2) + 0.5 * np.cos(outline)
        turn, centre = rng.uniform(0, 2 * np.pi), rng.random(2) * (brush.width, brush.height)
        points = (
            0.6
            * size
            * shape[:, None]
            * np.stack([np.cos(outline + turn), 0.75 * np.sin(outline + turn)], 1)
        )
        colour = brush.colour(rng.uniform(0.2, 0.95))
        polygon(image, points + centre + 3, brush.colour(0.02))
        polygon(image, points + centre, colour)
        for vein in range(0, 90, 15):
            polyline(
                image, [centre, centre + 0.85 * points[vein]], mix(colour, (30, 20, 10), 0.35), 1
            )
    return image


def tree(brush: Brush) -> Image:
    """One branching tree against the sky."""
    rng = brush.rng
    image = brush.sky(0.95, 0.6)
    disc(image, (rng.uniform(0.2, 0.8) * brush.width, rng.uniform(0.25, 0.5) * brush.height),
         rng.uniform(0.1, 0.28) * brush.height, brush.colour(0.85))  # fmt: skip
    ground = int(brush.height * 0.9)
    cv2.rectangle(image, (0, ground), (brush.width, brush.height), brush.colour(0.1), -1)
    spread, shrink, leafy = rng.uniform(0.25, 0.65), rng.uniform(0.68, 0.78), rng.random() < 0.7
    blossom = brush.colour(rng.uniform(0.3, 0.6))
    twigs = [(np.array([brush.width / 2, ground]), -np.pi / 2, 0.22 * brush.height, 14.0)]
    while twigs:
        foot, heading, length, width = twigs.pop()
        tip = foot + length * np.array([np.cos(heading), np.sin(heading)])
        polyline(image, [foot, tip], brush.colour(0.02), width)
        if length > 0.025 * brush.height:
            for side in (-1, 1):
                turn = heading + side * spread + rng.normal(0, 0.16)
                twigs.append((tip, turn, length * shrink * rng.uniform(0.85, 1.1), width * 0.66))
        elif leafy:
            disc(image, tip, rng.uniform(2, 6), mix(blossom, (255, 255, 255), rng.random() * 0.4))
    return image


def cactus_garden(brush: Brush) -> Image:
    """Cacti and stones on sand."""
    rng = brush.rng
    image = brush.sky(0.7, 1.0)
    ground = brush.tint(0.55 + 0.25 * brush.noise(3, 2))
    image = np.where((brush.y > 0.62 + 0.04 * np.sin(brush.x * 7))[..., None], ground, image)
    for foot in np.sort(rng.uniform(0.68, 0.98, rng.integers(3, 8))) * brush.height:
        x, tall = rng.uniform(0.06, 0.94) * brush.width, rng.uniform(0.3, 0.75) * foot
        wide, green = rng.uniform(0.035, 0.06) * brush.height, (int(rng.uniform(30, 90)), 120, 70)
        ellipse(image, (x, foot), (3 * wide, 0.5 * wide), 0, brush.colour(0.3))
        stems = [(x, foot, foot - tall)]
        for side in (-1, 1):
            if rng.random() < 0.8:
                joint, end = foot - tall * rng.uniform(0.3, 0.5), x + side * 3.2 * wide
                polyline(image, [(x, joint), (end, joint)], green, wide * 1.3)
                stems.append((end, joint, joint - tall * rng.uniform(0.2, 0.4)))
        for stem_x, low, high in stems:
            polyline(image, [(stem_x, low), (stem_x, high)], green, 2 * wide)
            disc(image, (stem_x, high), wide, green)
            for rib in (-0.5, 0.0, 0.5):
                polyline(image, [(stem_x + rib * wide, low), (stem_x + rib * wide, high)],
                         mix(green, (230, 255, 210), 0.35), 1)  # fmt: skip
    return shaded(image, 0.94 + 0.1 * brush.noise(4, 2))
