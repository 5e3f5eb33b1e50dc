"""Drawn pictures of space."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import Brush, Image, Values, cover, disc, glow, grain, relief, shaded


def _stars(brush: Brush, image: Image, count: int) -> None:
    for _ in range(count):
        at = brush.rng.uniform(0, brush.width), brush.rng.uniform(0, brush.height)
        level = brush.rng.uniform(0.4, 1)
        red, green, blue = (int(255 * level * warmth) for warmth in brush.rng.uniform(0.85, 1, 3))
        disc(image, at, brush.rng.exponential(0.45) + 0.25, (red, green, blue))


def nebula(brush: Brush) -> Image:
    """Glowing gas and stars with spikes."""
    rng = brush.rng
    warp = (brush.noise(160, 4) - 0.5) * rng.uniform(60, 200)
    gas = brush.noise(rng.uniform(80, 240), 7, 0.55)
    columns = np.arange(brush.width, dtype=np.float32)[None, :] + warp
    rows = np.arange(brush.height, dtype=np.float32)[:, None] + warp
    gas = cv2.remap(gas, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    image = brush.tint(np.clip((gas - 0.32) * 1.9, 0, 1) ** 1.3)
    image = glow(image, np.clip(brush.noise(120, 5) - 0.6, 0, 1) * 1.2, brush.colour(0.6))
    _stars(brush, image, int(rng.integers(150, 500)))
    for _ in range(rng.integers(2, 7)):
        x, y, size = rng.random() * brush.width, rng.random() * brush.height, rng.uniform(6, 22)
        dx = np.abs(brush.x * brush.width - x) / size
        dy = np.abs(brush.y * brush.height - y) / size
        image = glow(image, np.exp(-4 * dx * dy - 1.2 * (dx + dy)), (255, 250, 240))
    return image


def planet(brush: Brush) -> Image:
    """A banded or clouded planet, lit from one side, some with a ring."""
    rng = brush.rng
    image = np.full((brush.height, brush.width, 3), (6, 7, 14), np.uint8)
    _stars(brush, image, 260)
    x, y = brush.centred()
    radius = rng.uniform(0.45, 0.85)
    u = (x - rng.uniform(-0.4, 0.4)) / radius
    v = (y - rng.uniform(-0.2, 0.2)) / radius
    inside = np.clip((1 - np.hypot(u, v)) * radius * 120, 0, 1)
    depth = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    angle = rng.uniform(0, 2 * np.pi)
    light = np.clip(0.75 * (u * np.cos(angle) + v * np.sin(angle)) + 0.7 * depth, 0.02, 1.2)
    surface = brush.noise(rng.uniform(40, 160), 6, 0.55)
    if rng.random() < 0.5:
        surface = 0.5 + 0.5 * np.sin((v + 0.12 * surface) * rng.uniform(8, 22))
    ball = shaded(brush.tint(surface), light.astype(np.float32))
    image = np.round(image * (1 - inside[..., None]) + ball * inside[..., None]).astype(np.uint8)
    return _ring(brush, image, u, v) if rng.random() < 0.6 else glow(
        image, np.exp(-np.abs(np.hypot(u, v) - 1) * 14) * 0.5, brush.colour(0.7))  # fmt: skip


def _ring(brush: Brush, image: Image, u: Values, v: Values) -> Image:
    tilt = brush.rng.uniform(-0.5, 0.5)
    along, across = u * np.cos(tilt) + v * np.sin(tilt), v * np.cos(tilt) - u * np.sin(tilt)
    distance = np.hypot(along, across / 0.28)
    bands = 0.5 + 0.35 * np.sin(distance * 38) + 0.15 * np.sin(distance * 91)
    ring = ((distance > 1.3) & (distance < 2.0)) * bands
    hidden = (np.hypot(u, v) < 1) & (across < 0)
    return cover(image, brush.colour(0.85), np.where(hidden, 0, ring).astype(np.float32))


def galaxy(brush: Brush) -> Image:
    """A spiral of a hundred thousand stars."""
    rng, count = brush.rng, 100_000
    distance = rng.exponential(0.33, count)
    arms = rng.integers(2, 6)
    arm = rng.integers(0, arms, count) * (2 * np.pi / arms)
    angle = arm + np.log(distance + 0.06) * rng.uniform(1.8, 4) + rng.normal(0, 0.28, count)
    flat, turn = rng.uniform(0.3, 1), rng.uniform(0, np.pi)
    u, v = distance * np.cos(angle), distance * np.sin(angle) * flat
    scale = 0.62 * min(brush.width, brush.height)
    x = brush.width / 2 + scale * (u * np.cos(turn) - v * np.sin(turn))
    y = brush.height / 2 + scale * (u * np.sin(turn) + v * np.cos(turn))
    edges = (np.arange(brush.height + 1), np.arange(brush.width + 1))
    density = np.histogram2d(y, x, bins=edges)[0].astype(np.float32)
    density = density + 2 * cv2.GaussianBlur(density, (0, 0), 5)
    image = brush.tint(np.clip(np.log1p(density) / 3.2, 0, 1))
    image = shaded(image, np.clip(0.25 + density, 0, 1))
    _stars(brush, image, 160)
    return image


def craters(brush: Brush) -> Image:
    """A cratered ground in slanting light."""
    rng = brush.rng
    ground = 0.06 * brush.noise(60, 6, 0.55)
    for size in np.sort(rng.pareto(1.3, rng.integers(25, 70)) + 1)[::-1]:
        radius = min(size * 8, 0.24 * brush.height)
        x, y = rng.random() * brush.width, rng.random() * brush.height
        rows = slice(max(0, int(y - 1.6 * radius)), int(y + 1.6 * radius) + 1)
        columns = slice(max(0, int(x - 1.6 * radius)), int(x + 1.6 * radius) + 1)
        distance = np.hypot(brush.x[rows, columns] * brush.width - x,
                            brush.y[rows, columns] * brush.height - y) / radius  # fmt: skip
        bowl = np.where(distance < 1, distance**2 - 1, 0) * 0.35
        rim = 0.3 * np.exp(-(((distance - 1) / 0.18) ** 2))
        ground[rows, columns] += (bowl + rim) * radius / brush.height
    dust = grain(brush, brush.tint(0.4 + 0.2 * brush.noise(60, 5)), 0.16)
    return shaded(dust, relief(ground, 45))
