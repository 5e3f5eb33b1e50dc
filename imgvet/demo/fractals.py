"""Drawn mathematics: fractals, attractors, curves."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import Brush, Image, Values, polyline

_MANDELBROT_VIEWS = (
    (-0.7436, 0.1318, 0.008), (-0.16, 1.0405, 0.03), (0.2755, 0.0065, 0.006),
    (-1.2535, 0.3845, 0.02), (-0.6, 0.0, 1.3), (-0.0884, 0.6545, 0.012), (-1.7685, 0.002, 0.012),
    (-0.7269, 0.1889, 0.012),
)  # fmt: skip
"""Centre and half height of views into the Mandelbrot set."""

_JULIA_SEEDS = (
    -0.8 + 0.156j, 0.285 + 0.01j, -0.4 + 0.6j, -0.70176 - 0.3842j, -0.123 + 0.745j, -1.0 + 0.0j,
    0.355 + 0.355j, -0.54 + 0.54j,
)  # fmt: skip


_FILLED = 0.22
"""Least share of a picture that the path of a map must visit, for it to be worth looking at."""


def _escape(brush: Brush, start: Values, step: Values, rounds: int) -> Image:
    """Colour points by how soon z * z + step leaves a disc of radius 16."""
    z, gone = start.copy(), np.zeros(start.shape, np.float32)
    for count in range(1, rounds):
        z = z * z + step
        out = (np.abs(z) > 16) & (gone == 0)
        gone[out] = count + 1 - np.log2(np.log(np.abs(z[out])) / np.log(16))
        z[np.abs(z) > 1e6] = 1e6
    wave = 0.5 - 0.5 * np.cos(np.sqrt(gone) * brush.rng.uniform(0.9, 1.7) + brush.rng.uniform(0, 3))
    return brush.tint(np.where(gone > 0, 0.1 + 0.9 * wave, 0))


def mandelbrot(brush: Brush) -> Image:
    """A view into the Mandelbrot set."""
    x, y = brush.centred()
    centre_x, centre_y, half = _MANDELBROT_VIEWS[brush.rng.integers(len(_MANDELBROT_VIEWS))]
    half *= brush.rng.uniform(0.6, 1.5)
    step = (centre_x + half * x + 1j * (centre_y + half * y)).astype(np.complex64)
    return _escape(brush, np.zeros_like(step), step, 140)


def julia(brush: Brush) -> Image:
    """A Julia set."""
    x, y = brush.centred()
    seed = _JULIA_SEEDS[brush.rng.integers(len(_JULIA_SEEDS))]
    turn = np.exp(1j * brush.rng.uniform(0, 2 * np.pi)) * brush.rng.uniform(0.6, 1.2)
    start = ((x + 1j * y) * turn).astype(np.complex64)
    return _escape(brush, start, np.full_like(start, seed), 90)


def newton(brush: Brush) -> Image:
    """Which root of z^n - 1 Newton's method finds, and how fast."""
    x, y = brush.centred()
    degree = int(brush.rng.integers(3, 8))
    turn = np.exp(1j * brush.rng.uniform(0, np.pi)) * brush.rng.uniform(0.7, 1.6)
    z = ((x + 1j * y) * turn + 1e-3).astype(np.complex64)
    speed = np.zeros(z.shape, np.float32)
    for _ in range(15):
        power = z.copy()
        for _ in range(degree - 2):
            power *= z
        move = (power * z - 1) / (degree * power + 1e-6)
        z = z - move / np.maximum(np.abs(move) / 2, 1)
        speed += np.exp(-np.abs(move) * 4)
    root = np.round(np.angle(z) / (2 * np.pi / degree)) % degree
    return brush.tint(np.clip(0.12 + 0.6 * root / (degree - 1) + 0.9 * (speed / 15 - 0.3), 0, 1))


def attractor(brush: Brush) -> Image:
    """The path of a chaotic map, as a density of points."""
    rng = brush.rng
    while True:
        a, b, c, d = rng.uniform(-2.4, 2.4, 4)
        x, y = rng.uniform(-1, 1, (2, 3000))
        paths = []
        for step in range(130):
            x, y = np.sin(a * y) + c * np.cos(a * x), np.sin(b * x) + d * np.cos(b * y)
            if step > 10:
                paths.append((x, y))
        xs, ys = np.concatenate(paths, axis=1)
        rows = ((ys - ys.min()) / np.ptp(ys) * (brush.height - 1)).astype(int)
        columns = ((xs - xs.min()) / np.ptp(xs) * (brush.width - 1)).astype(int)
        density = np.bincount(rows * brush.width + columns, minlength=brush.height * brush.width)
        density = density.reshape(brush.height, brush.width)
        if (density > 0).mean() > _FILLED:
            break
    level = np.log1p(density) / np.log1p(np.percentile(density, 99.5))
    smooth = cv2.GaussianBlur(level.astype(np.float32), (0, 0), 0.7)
    return brush.tint(np.clip(smooth, 0, 1) if rng.random() < 0.5 else np.clip(1 - smooth, 0, 1))


def spirograph(brush: Brush) -> Image:
    """Curves of a wheel rolling in a ring."""
    rng = brush.rng
    image, size = brush.plain(rng.choice([0.0, 1.0])), min(brush.width, brush.height) * 0.47
    for _ in range(rng.integers(1, 4)):
        ring, wheel = rng.integers(20, 60), rng.integers(7, 19)
        pen, turns = rng.uniform(0.5, 1.4) * wheel, wheel // np.gcd(ring, wheel)
        t = np.linspace(0, 2 * np.pi * turns, 2500)
        ratio = (ring - wheel) / wheel
        x = (ring - wheel) * np.cos(t) + pen * np.cos(ratio * t)
        y = (ring - wheel) * np.sin(t) - pen * np.sin(ratio * t)
        scale = size * rng.uniform(0.6, 1) / np.max(np.hypot(x, y))
        points = np.stack([brush.width / 2 + scale * x, brush.height / 2 + scale * y], 1)
        polyline(image, points, brush.colour(rng.uniform(0.3, 0.8)), int(rng.integers(1, 4)))
    return image


def flow(brush: Brush) -> Image:
    """Threads that follow a smooth field."""
    rng = brush.rng
    image = brush.plain(rng.choice([0.0, 0.98]))
    turns = rng.uniform(2, 7)
    angle = brush.noise(rng.uniform(150, 320), 2, 0.4) * turns * np.pi
    points = rng.random((500, 2)) * (brush.width, brush.height)
    paths = [points]
    for _ in range(45):
        columns, rows = np.clip(points, 0, (brush.width - 1, brush.height - 1)).astype(int).T
        heading = angle[rows, columns]
        points = points + 3 * np.stack([np.cos(heading), np.sin(heading)], 1)
        paths.append(points)
    for path in np.stack(paths, axis=1):
        polyline(image, path, brush.colour(rng.uniform(0.2, 0.9)), int(rng.integers(1, 4)))
    return image
