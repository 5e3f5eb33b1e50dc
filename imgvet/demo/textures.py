"""Drawn materials: wood, stone, water, land."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import Brush, Image, Values, cover, disc, mix, polyline, relief, shaded


def wood(brush: Brush) -> Image:
    """Planks with grain and knots."""
    rng = brush.rng
    planks = rng.integers(1, 6)
    plank = np.minimum((brush.y * planks).astype(int), planks - 1)
    shift = rng.uniform(0, 9, planks).astype(np.float32)[plank]
    long = cv2.resize(brush.noise(40, 4)[:, : brush.width // 8], (brush.width, brush.height))
    rings = long * rng.uniform(0.8, 2.2) + brush.y * rng.uniform(5, 16) + shift
    for _ in range(rng.integers(0, 4)):
        x, y = rng.random(2)
        distance = np.hypot((brush.x - x) * 3, (brush.y - y) * 7)
        rings = rings + 2.5 * np.exp(-2.2 * distance)
    grain = 0.5 + 0.5 * np.sin(rings * 2 * np.pi)
    fibre = cv2.resize(brush.noise(2, 2)[:, : brush.width // 12], (brush.width, brush.height))
    image = brush.tint(0.32 + 0.34 * grain + 0.16 * (fibre - 0.5) + 0.05 * np.sin(shift * 9))
    seam = np.abs(brush.y * planks % 1 - 0.5) > 0.5 - 1.2 * planks / brush.height
    return cover(image, brush.colour(0.02), 0.8 * (seam if planks > 1 else 0 * seam))


def marble(brush: Brush) -> Image:
    """Veined stone."""
    rng = brush.rng
    angle, veins = rng.uniform(0, np.pi), np.zeros((brush.height, brush.width), np.float32)
    for scale in (1.0, 2.3):
        along = brush.x * np.cos(angle) + brush.y * np.sin(angle)
        wave = np.sin((along * rng.uniform(2, 5) * scale + 2.6 * brush.noise(150, 6)) * np.pi)
        veins += (1 - np.abs(wave)) ** rng.uniform(4, 14) / scale
    body = 0.72 + 0.25 * brush.noise(200, 5)
    return brush.tint(np.clip(body - 0.75 * np.clip(veins, 0, 1), 0, 1))


def island_map(brush: Brush) -> Image:
    """Land and sea from above, coloured by height."""
    rng = brush.rng
    x, y = brush.centred()
    height = brush.noise(rng.uniform(120, 260), 7, 0.52)
    height = height - rng.uniform(0.1, 0.35) * np.hypot(x, y) + rng.uniform(0.05, 0.2)
    sea = height < 0.45
    colours = rng.choice([cv2.COLORMAP_SUMMER, cv2.COLORMAP_AUTUMN, cv2.COLORMAP_PINK,
                          cv2.COLORMAP_DEEPGREEN])  # fmt: skip
    altitude = (np.clip((height - 0.45) * 2.2, 0, 1) * 255).astype(np.uint8)
    land = cv2.applyColorMap(altitude, int(colours))
    land = shaded(cv2.cvtColor(land, cv2.COLOR_BGR2RGB), relief(height, 45) * 0.9)
    water = brush.tint(np.clip(0.15 + height, 0, 0.75))
    return np.where(sea[..., None], water, land)


def contour_map(brush: Brush) -> Image:
    """Contour lines of a hilly country, with paths."""
    height = brush.noise(brush.rng.uniform(90, 220), 3, 0.4)
    image = brush.tint(0.8 + 0.2 * height)
    for index, level in enumerate(np.linspace(0.05, 0.95, brush.rng.integers(12, 28))):
        mask = (height > level).astype(np.uint8)
        outlines = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        for outline in outlines:
            points = cv2.blur(outline[:, 0].astype(np.float32), (1, 7))
            if len(points) > 12:
                polyline(image, points, brush.colour(0.35), 2 if index % 5 == 0 else 1)
    for _ in range(brush.rng.integers(1, 4)):
        steps = np.linspace(0, 1, 60)
        wander = np.cumsum(brush.rng.normal(0, 0.025, 60)) + brush.rng.random()
        points = np.stack([steps * brush.width, wander * brush.height], 1)
        polyline(image, points, (200, 60, 50), 3)
    return image


def turing(brush: Brush) -> Image:
    """Spots and stripes like those of animal skins."""
    rng = brush.rng
    size, bias = rng.uniform(2.5, 7), rng.uniform(-0.25, 0.25)
    stretch = rng.uniform(1, 3)
    field = rng.standard_normal((brush.height, brush.width)).astype(np.float32)
    for _ in range(12):
        inner = cv2.GaussianBlur(field, (0, 0), size * stretch, sigmaY=size)
        outer = cv2.GaussianBlur(field, (0, 0), 1.7 * size * stretch, sigmaY=1.7 * size)
        field = np.tanh((inner - outer) * 30 + bias)
    skin = cv2.GaussianBlur(field, (0, 0), 1.0) * 0.5 + 0.5
    return shaded(brush.tint(0.15 + 0.65 * skin), 0.8 + 0.35 * brush.noise(140, 4))


def pebbles(brush: Brush) -> Image:
    """Rounded stones of many colours."""
    rng = brush.rng
    near, second, cell = _cells(brush, int(rng.integers(40, 420)))
    gap = np.clip((second - near) / rng.uniform(7, 15), 0, 1)
    dome = cv2.GaussianBlur(np.sqrt(gap), (0, 0), 1.5)
    tone = rng.uniform(0.2, 1, cell.max() + 1).astype(np.float32)[cell]
    image = brush.tint(np.clip(tone + 0.22 * (brush.noise(9, 3) - 0.5), 0, 1))
    return shaded(image, relief(dome, 3.5) * (0.2 + 0.8 * dome))


def _cells(brush: Brush, count: int) -> tuple[Values, Values, Values]:
    """Distances to the nearest and second nearest of scattered points, and which is nearest."""
    points = brush.rng.random((count, 2)) * (brush.width, brush.height)
    best = np.full((brush.height, brush.width), 1e9, np.float32)
    second, which = best.copy(), np.zeros(best.shape, np.int32)
    reach = 3.3 * np.sqrt(brush.width * brush.height / count)
    for index, (x, y) in enumerate(points):
        rows = slice(max(0, int(y - reach)), int(y + reach))
        columns = slice(max(0, int(x - reach)), int(x + reach))
        distance = np.hypot(brush.x[rows, columns] * brush.width - x,
                            brush.y[rows, columns] * brush.height - y)  # fmt: skip
        old = best[rows, columns]
        closer = distance < old
        second[rows, columns] = np.where(closer, old, np.minimum(second[rows, columns], distance))
        which[rows, columns] = np.where(closer, index, which[rows, columns])
        best[rows, columns] = np.where(closer, distance, old)
    return best, second, which


def stained_glass(brush: Brush) -> Image:
    """Leaded panes of coloured glass."""
    near, second, cell = _cells(brush, int(brush.rng.integers(25, 160)))
    hues = brush.rng.uniform(0, 180, cell.max() + 1)[cell] * brush.rng.choice([0.25, 0.5, 1])
    panes = np.dstack([hues, np.full_like(hues, 200), np.full_like(hues, 235)]).astype(np.uint8)
    image = cv2.cvtColor(panes, cv2.COLOR_HSV2RGB)
    image = shaded(image, 0.6 + 0.55 * brush.noise(60, 5))
    return cover(image, (18, 16, 20), np.clip(2.6 - (second - near) / 1.6, 0, 1))


def caustics(brush: Brush) -> Image:
    """Light on the floor of a pool."""
    rng = brush.rng
    light = np.zeros((brush.height, brush.width), np.float32)
    for scale in (rng.uniform(90, 160), rng.uniform(50, 90)):
        light += (1 - np.abs(brush.noise(scale, 3, 0.4) * 2 - 1)) ** 9
    tiles = rng.integers(0, 12)
    image = brush.tint(np.clip(0.38 + 0.2 * (1 - brush.y) + 0.55 * light, 0, 1))
    if tiles > 4:
        bend = brush.noise(70, 2) * 0.06
        lines = np.minimum((brush.x + bend) * tiles % 1, (brush.y + bend) * tiles * 0.75 % 1)
        image = cover(image, (255, 255, 255), 0.35 * (lines < 0.05))
    return image


def hillshade(brush: Brush) -> Image:
    """Eroded mountains from the air."""
    height = 1 - np.abs(brush.noise(brush.rng.uniform(120, 260), 8, 0.5) * 2 - 1)
    snow = np.clip((height - brush.rng.uniform(0.7, 0.9)) * 8, 0, 1)
    image = cover(brush.tint(0.2 + 0.55 * height), (250, 252, 255), snow)
    return shaded(image, relief(height, 60))


def bokeh(brush: Brush) -> Image:
    """Lights far out of focus, and drops on a pane that are in focus."""
    rng = brush.rng
    image = brush.sky(0.02, 0.25)
    for _ in range(rng.integers(20, 70)):
        layer, radius = image.copy(), rng.uniform(0.02, 0.1) * brush.height
        at = rng.random() * brush.width, rng.random() * brush.height
        colour = brush.colour(rng.uniform(0.45, 1))
        disc(layer, at, radius, colour)
        disc(layer, at, radius, mix(colour, (255, 255, 255), 0.3), 2)
        image = cv2.addWeighted(layer, (share := rng.uniform(0.25, 0.7)), image, 1 - share, 0)
    for _ in range(rng.integers(60, 200)):
        drop = np.array([rng.random() * brush.width, rng.random() * brush.height])
        size = rng.exponential(1.6) + 1
        disc(image, drop, size, brush.colour(0.12))
        disc(image, drop - size * 0.25, size * 0.55, brush.colour(0.98))
    return image
