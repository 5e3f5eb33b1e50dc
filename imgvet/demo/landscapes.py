"""Drawn landscapes: layers of noise before a sky."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import (
    Brush,
    Colour,
    Image,
    Values,
    cover,
    disc,
    glow,
    grain,
    mix,
    polygon,
    polyline,
)  # fmt: skip


def _ridge(brush: Brush, base: float, swing: float, roughness: float) -> Values:
    """Height of a ridge for each column, in pixels from the top."""
    octaves = int(3 + 4 * roughness)
    row = brush.noise(brush.width / brush.rng.uniform(2, 4), octaves, 0.35 + 0.2 * roughness)
    return (base + swing * (row[brush.height // 2] - 0.5)) * brush.height


def _below(brush: Brush, ridge: Values) -> Values:
    """1 below a ridge, 0 above, smooth between."""
    rows = np.arange(brush.height, dtype=np.float32)[:, None]
    return np.clip(rows - ridge[None, :] + 0.5, 0, 1)


def _sun(brush: Brush, image: Image, x: float, y: float, radius: float, colour: Colour) -> Image:
    """A sun with its halo; position 0 to 1."""
    distance = np.hypot((brush.x - x) * brush.width, (brush.y - y) * brush.height) / radius
    lit = glow(image, np.exp(-distance * 0.45) * 0.55, colour)
    return cover(lit, (255, 250, 235), np.clip((1 - distance) * radius, 0, 1))


def _stars(brush: Brush, image: Image, count: int, lowest: float = 1.0) -> None:
    for _ in range(count):
        at = brush.rng.uniform(0, brush.width), brush.rng.uniform(0, brush.height * lowest)
        level = int(brush.rng.uniform(120, 255))
        disc(image, at, brush.rng.uniform(0.3, 1.3), (level, level, level))


def mountains(brush: Brush) -> Image:
    """Ridges that fade with distance, before a low sun."""
    rng = brush.rng
    image = brush.sky(0.25, 1.0, 0.8)
    image = _sun(brush, image, rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.42),
                 rng.uniform(0.04, 0.1) * brush.height, brush.colour(1))  # fmt: skip
    layers, roughness, swing = rng.integers(3, 7), rng.uniform(0, 1), rng.uniform(0.2, 0.6)
    for layer in range(layers):
        near = layer / (layers - 1)
        ridge = _ridge(brush, 0.42 + 0.48 * near, swing * (1 - 0.4 * near), roughness)
        image = cover(image, brush.colour(0.75 - 0.75 * near), _below(brush, ridge))
    return grain(brush, image, 0.18)


def sea(brush: Brush) -> Image:
    """The sun over the sea, and its glitter."""
    rng = brush.rng
    horizon, sun = rng.uniform(0.35, 0.65), rng.uniform(0.25, 0.75)
    image = brush.sky(0.2, 1.0, 1.4)
    image = cover(image, brush.colour(1), (brush.noise(90, 5) - 0.55) * 2 * (brush.y < horizon))
    image = _sun(brush, image, sun, horizon - rng.uniform(0.02, 0.2), 0.07 * brush.height,
                 brush.colour(0.8))  # fmt: skip
    depth = np.clip((brush.y - horizon) / (1 - horizon), 0, 1)
    waves = cv2.resize(brush.noise(10, 3)[:, : brush.width // 6], (brush.width, brush.height))
    path = np.exp(-(((brush.x - sun) / (0.04 + 0.25 * depth)) ** 2))
    water = brush.tint(np.clip(0.45 - 0.4 * depth + 0.35 * (waves - 0.5), 0, 1))
    water = cover(water, (255, 240, 205), path * np.clip((waves - 0.45) * 5, 0, 1))
    return np.where((brush.y > horizon)[..., None], water, image)


def skyline(brush: Brush) -> Image:
    """A town at night, its windows lit."""
    rng = brush.rng
    image = brush.sky(0.05, 0.55, 1.5)
    _stars(brush, image, 90, 0.5)
    disc(image, (rng.uniform(0.1, 0.9) * brush.width, 0.17 * brush.height),
         rng.uniform(0.03, 0.08) * brush.height, (250, 245, 225))  # fmt: skip
    for near in (0.0, 0.5, 1.0):
        left, colour = -10.0, mix(brush.colour(0.4), brush.colour(0), near)
        while left < brush.width:
            width = rng.uniform(0.05, 0.13) * brush.width
            top = brush.height * (rng.uniform(0.25, 0.6) + 0.2 * near)
            corner = round(left + width), brush.height
            cv2.rectangle(image, (round(left), round(top)), corner, colour, -1)
            _windows(brush, image, (left, top, width), near)
            left += width + rng.uniform(0, 3)
    return image


def _windows(brush: Brush, image: Image, house: tuple[float, float, float], near: float) -> None:
    left, top, width = house
    side = 3 + 2 * near
    for y in np.arange(top + side, brush.height, 2.4 * side):
        for x in np.arange(left + side, left + width - side, 2.2 * side):
            if brush.rng.random() < 0.25 + 0.2 * near:
                corner = round(x + side), round(y + side)
                light = mix((255, 214, 120), brush.colour(1), brush.rng.uniform(0, 0.6))
                cv2.rectangle(image, (round(x), round(y)), corner, light, -1)


def aurora(brush: Brush) -> Image:
    """Northern lights over fir trees."""
    rng = brush.rng
    image = brush.sky(0.0, 0.35, 1.2)
    _stars(brush, image, 220, 0.8)
    for _ in range(rng.integers(2, 5)):
        foot = _ridge(brush, rng.uniform(0.35, 0.6), 0.5, 0.0)[None, :]
        above = (foot - np.arange(brush.height, dtype=np.float32)[:, None]) / brush.height
        rays = brush.noise(rng.uniform(12, 40), 2)[:1]
        light = np.where(above > 0, np.exp(-above * 5), np.exp(above * 40)) * (0.15 + 0.75 * rays)
        image = glow(image, light.astype(np.float32), brush.colour(rng.uniform(0.5, 0.85)))
    _firs(brush, image, int(rng.integers(8, 22)), (4, 8, 10))
    return image


def _firs(brush: Brush, image: Image, count: int, colour: Colour, snow: float = 0.0) -> None:
    """A row of fir trees along the lower edge."""
    for _ in range(count):
        x, tall = brush.rng.uniform(0, brush.width), brush.rng.uniform(0.14, 0.4) * brush.height
        foot = brush.height * brush.rng.uniform(0.92, 1.08)
        for tier in range(5):
            top, half = foot - tall * (1 - 0.17 * tier), tall * (0.08 + 0.045 * tier)
            points = np.array(
                [(x, top), (x - half, top + 0.34 * tall), (x + half, top + 0.34 * tall)]
            )
            polygon(image, points, colour)
            if snow:
                lit = np.add(points, [(0, 0), (half, -0.2 * tall), (-half * 0.4, -0.1 * tall)])
                polygon(image, lit, mix(colour, (250, 252, 255), snow))


def dunes(brush: Brush) -> Image:
    """Dunes with a lit and a shaded side."""
    rng = brush.rng
    image = brush.sky(0.55, 1.0, 1.0)
    ripples = np.sin(brush.y * brush.height * 0.55 + 9 * brush.noise(80, 3)) * 0.015
    for layer in range(rng.integers(3, 6)):
        crest = _ridge(brush, 0.4 + 0.14 * layer, rng.uniform(0.25, 0.5), 0.0)
        slope = cv2.GaussianBlur(np.gradient(crest)[None, :], (31, 1), 0)[0]
        light = 0.42 + 0.09 * layer + 0.45 * np.tanh(slope * 2.5)[None, :] + ripples
        light = np.broadcast_to(light, (brush.height, brush.width)) + 0.12 * brush.noise(3, 1)
        below = _below(brush, crest)[..., None]
        image = np.round(image * (1 - below) + brush.tint(light) * below).astype(np.uint8)
    return image


def misty_forest(brush: Brush) -> Image:
    """Trunks that fade in mist."""
    rng = brush.rng
    image = brush.sky(0.95, 0.7, 1.0)
    for layer in range(5):
        near = layer / 4
        for _ in range(rng.integers(5, 10)):
            x, width = rng.uniform(0, brush.width), (2 + 15 * near**1.5) * rng.uniform(0.6, 1.3)
            lean = rng.uniform(-0.06, 0.06) * brush.height
            colour = brush.colour(0.75 - 0.75 * near)
            foot, top = brush.height, x + lean
            trunk = [(x - width / 2, foot), (x + width / 2, foot), (top + width / 4, 0),
                     (top - width / 4, 0)]  # fmt: skip
            polygon(image, trunk, colour)
            for _ in range(4):
                y, side = rng.uniform(0, 0.6) * brush.height, rng.choice([-1, 1])
                reach = rng.uniform(2, 6) * width
                polyline(image, [(x + lean / 2, y), (x + side * reach, y - 0.5 * reach)], colour,
                         width / 5)  # fmt: skip
        fog = 0.3 * (1 - near) * brush.noise(120, 3) + 0.35 * (1 - near) * brush.y
        image = cover(image, brush.colour(0.95), fog)
    return image


def winter(brush: Brush) -> Image:
    """Snow falling on firs and hills."""
    image = brush.sky(0.6, 0.95, 0.7)
    for layer in range(3):
        ridge = _ridge(brush, 0.5 + 0.15 * layer, 0.25, 0.2)
        image = cover(image, brush.colour(0.82 + 0.09 * layer), _below(brush, ridge))
    _firs(brush, image, int(brush.rng.integers(5, 11)), brush.colour(0.22), snow=0.75)
    for _ in range(250):
        at = brush.rng.uniform(0, brush.width), brush.rng.uniform(0, brush.height)
        disc(image, at, brush.rng.uniform(0.6, 2.6), (255, 255, 255))
    return image


def balloons(brush: Brush) -> Image:
    """Hot-air balloons among clouds."""
    rng = brush.rng
    image = brush.sky(0.55, 0.98, 0.9)
    image = cover(image, (255, 255, 255), (brush.noise(110, 6) - 0.5) * 2.2)
    stripes = [brush.colour(0.15), brush.colour(0.5), (235, 80, 60), (250, 200, 70)]
    for size in np.sort(rng.uniform(0.06, 0.24, rng.integers(2, 6))):
        radius = size * brush.height
        x, y = rng.uniform(0.12, 0.88) * brush.width, rng.uniform(0.15, 0.65) * brush.height
        order = rng.permutation(4)
        for stripe in range(6):
            half = radius * np.cos(stripe * np.pi / 12)
            outline = np.linspace(0, 2 * np.pi, 60)
            swell = np.where(np.sin(outline) > 0, 1.25, 1.0) * radius
            points = np.stack([x + half * np.cos(outline), y + swell * np.sin(outline)], 1)
            polygon(image, points, stripes[order[stripe % 4]])
        for side in (-0.2, 0.2):
            polyline(image, [(x + 2 * side * radius, y + 1.1 * radius),
                             (x + side * radius, y + 1.7 * radius)], (70, 50, 40), 1)  # fmt: skip
        basket = np.array([(-0.2, 1.65), (0.2, 1.65), (0.16, 1.95), (-0.16, 1.95)])
        polygon(image, basket * radius + (x, y), (120, 80, 45))
    return image
