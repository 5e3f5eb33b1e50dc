"""Drawn documents: charts, maps of streets, games, signs."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from imgvet.demo.brush import Brush, Colour, Image, disc, ellipse, mix, polygon, polyline, stretched

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TITLES = ("Harvest by region", "Visitors per week", "Rainfall", "Energy mix", "Orders",
           "Sightings", "Water level", "Budget", "Temperature", "Journeys")  # fmt: skip
_MARGIN = 44


def write(image: Image, text: str, at: tuple[float, float], colour: Colour, scale: float = 0.45,
          width: int = 1) -> None:  # fmt: skip
    """Write a line of text, its lower left corner at a point."""
    cv2.putText(image, text, (round(at[0]), round(at[1])), _FONT, scale, colour, width, cv2.LINE_AA)


def _chart_ground(brush: Brush) -> tuple[Image, Colour]:
    dark = brush.rng.random() < 0.4
    image, ink = brush.plain(0.02 if dark else 1.0), brush.colour(0.97 if dark else 0.05)
    write(image, _TITLES[brush.rng.integers(len(_TITLES))], (_MARGIN, 28), ink, 0.6)
    return image, ink


def _axes(brush: Brush, image: Image, ink: Colour) -> None:
    bottom, right = brush.height - _MARGIN, brush.width - 20
    for step in range(6):
        y = bottom - step * (bottom - _MARGIN) / 5
        polyline(image, [(_MARGIN, y), (right, y)], mix(ink, brush.colour(0.5), 0.7))
        write(image, str(step * 20), (10, y + 4), ink, 0.35)
    polyline(image, [(_MARGIN, _MARGIN), (_MARGIN, bottom), (right, bottom)], ink, 2)


def bar_chart(brush: Brush) -> Image:
    """Grouped or stacked bars."""
    rng = brush.rng
    image, ink = _chart_ground(brush)
    _axes(brush, image, ink)
    count, series = int(rng.integers(4, 13)), int(rng.integers(1, 4))
    stacked = rng.random() < 0.5
    bottom, span = brush.height - _MARGIN, brush.height - 2 * _MARGIN
    slot = (brush.width - _MARGIN - 20) / count
    for bar in range(count):
        foot = float(bottom)
        for index in range(series):
            tall = rng.uniform(0.1, 0.95) * span / (series if stacked else 1)
            wide = slot * 0.75 / (1 if stacked else series)
            left = _MARGIN + slot * (bar + 0.13) + (0 if stacked else index * wide)
            colour = brush.colour(0.3 + 0.5 * index / max(1, series - 1))
            polygon(image, [(left, foot), (left + wide, foot), (left + wide, foot - tall),
                            (left, foot - tall)], colour)  # fmt: skip
            foot = foot - tall if stacked else foot
    return image


def line_chart(brush: Brush) -> Image:
    """Curves over a grid, some with bands."""
    rng = brush.rng
    image, ink = _chart_ground(brush)
    _axes(brush, image, ink)
    x = np.linspace(_MARGIN, brush.width - 20, 60)
    for index in range(rng.integers(2, 6)):
        walk = np.cumsum(rng.normal(0, 1, 60)) + 4 * np.sin(np.linspace(0, rng.uniform(2, 16), 60))
        walk = (walk - walk.min()) / np.ptp(walk) * rng.uniform(0.3, 0.9) + rng.uniform(0, 0.1)
        y = brush.height - _MARGIN - walk * (brush.height - 2 * _MARGIN)
        colour = brush.colour(0.3 + 0.13 * index)
        if index == 0:
            low = np.full_like(y, brush.height - _MARGIN)
            polygon(image, np.vstack([np.stack([x, y], 1), np.stack([x, low], 1)[::-1]]),
                    mix(colour, brush.colour(0.5), 0.4))  # fmt: skip
        polyline(image, np.stack([x, y], 1), colour, 3)
    return image


def pie_chart(brush: Brush) -> Image:
    """A pie or a ring, with a legend."""
    rng = brush.rng
    image, ink = _chart_ground(brush)
    shares = rng.dirichlet(np.full(rng.integers(3, 9), 2.0))
    centre, radius = (brush.width * 0.4, brush.height * 0.55), 0.38 * min(brush.width, brush.height)
    edges = np.concatenate([[0], np.cumsum(shares)]) * 2 * np.pi
    for index, (start, end) in enumerate(pairwise(edges)):
        t = np.linspace(start, end, 60)
        arc = np.stack([np.cos(t), np.sin(t)], 1) * radius + centre
        colour = brush.colour(0.2 + 0.7 * index / (len(shares) - 1))
        polygon(image, np.vstack([arc, [centre]]), colour)
        left, top = round(brush.width * 0.8), 70 + 22 * index
        cv2.rectangle(image, (left, top), (left + 12, top + 12), colour, -1)
        write(image, f"{100 * shares[index]:.0f} %", (brush.width * 0.8 + 18, top + 11), ink, 0.4)
    if rng.random() < 0.5:
        paper: Colour = tuple(image[2, 2].tolist())
        disc(image, centre, radius * rng.uniform(0.4, 0.7), paper)
    return image


def scatter_chart(brush: Brush) -> Image:
    """Clouds of points."""
    rng = brush.rng
    image, ink = _chart_ground(brush)
    _axes(brush, image, ink)
    for index in range(rng.integers(2, 6)):
        centre, spread = rng.uniform(0.25, 0.75, 2), rng.uniform(0.03, 0.12, 2)
        bend = rng.uniform(-1, 1)
        for _ in range(rng.integers(30, 110)):
            u, v = rng.normal(0, 1, 2)
            x = (centre[0] + spread[0] * u) * brush.width
            y = (centre[1] + spread[1] * (v + bend * u)) * brush.height
            y = min(max(y, _MARGIN), brush.height - _MARGIN - 4)
            disc(image, (x, y), rng.uniform(2, 6), brush.colour(0.25 + 0.14 * index))
    return image


def heat_map(brush: Brush) -> Image:
    """A grid of coloured cells."""
    rows, columns = brush.rng.integers(6, 14), brush.rng.integers(8, 22)
    small = cv2.resize(brush.noise(150, 3), (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    cells = stretched(small)
    image, _ = _chart_ground(brush)
    inner = brush.width - 2 * _MARGIN, brush.height - 2 * _MARGIN
    grid = cv2.resize(cells, inner, interpolation=cv2.INTER_NEAREST)
    image[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = brush.tint(grid)
    return image


def street_map(brush: Brush) -> Image:
    """Streets, blocks, a river and parks."""
    rng = brush.rng
    image = brush.plain(0.93)
    big = np.array([brush.width, brush.height], np.float32)
    for _ in range(rng.integers(2, 6)):
        ellipse(image, rng.random(2) * big, rng.uniform(0.06, 0.2, 2) * big[1], rng.uniform(0, 180),
                (188, 216, 168))  # fmt: skip
    t = np.linspace(-0.1, 1.1, 50)
    bends = 0.5 + 0.22 * np.sin(t * rng.uniform(3, 8) + rng.uniform(0, 6)) + rng.uniform(-0.2, 0.2)
    polyline(image, np.stack([t, bends], 1) * big, (150, 196, 228), rng.uniform(12, 34))
    turn = rng.uniform(0, np.pi / 2)
    axis = np.array([np.cos(turn), np.sin(turn)])
    for direction in (axis, axis[::-1] * (-1, 1)):
        offsets = np.cumsum(rng.uniform(14, 46, 40)) - 400
        for index, offset in enumerate(offsets):
            middle = big / 2 + offset * direction[::-1] * (-1, 1)
            ends = [middle - 900 * direction, middle + 900 * direction]
            major = index % 5 == 0
            polyline(image, ends, brush.colour(0.55), 9 if major else 4)
            polyline(image, ends, (255, 236, 170) if major else (255, 255, 255), 6 if major else 2)
    return image


def crossword(brush: Brush) -> Image:
    """A grid of letters and black cells."""
    rng = brush.rng
    count, image = rng.integers(9, 17), brush.plain(0.97)
    side = (min(brush.width, brush.height) - 30) / count
    left, top = (brush.width - side * count) / 2, (brush.height - side * count) / 2
    black = rng.random((count, count)) < 0.2
    black |= black[::-1, ::-1]
    for row in range(count):
        for column in range(count):
            x, y = left + column * side, top + row * side
            corners = round(x), round(y), round(x + side), round(y + side)
            fill = brush.colour(0.05) if black[row, column] else (255, 255, 255)
            cv2.rectangle(image, corners[:2], corners[2:], fill, -1)
            cv2.rectangle(image, corners[:2], corners[2:], brush.colour(0.2), 1)
            if not black[row, column] and rng.random() < 0.7:
                letter = chr(65 + rng.integers(26))
                write(
                    image, letter, (x + 0.25 * side, y + 0.78 * side), brush.colour(0.3), side / 38
                )
    return image


def sheet_music(brush: Brush) -> Image:
    """Staves with notes."""
    rng = brush.rng
    image, gap = brush.plain(0.99), rng.uniform(6, 10)
    ink = (20, 20, 26)
    for top in np.arange(30, brush.height - 5 * gap, 9.5 * gap):
        for line in range(5):
            y = top + line * gap
            polyline(image, [(18, y), (brush.width - 18, y)], ink)
        x = 60.0
        while x < brush.width - 40:
            y = top + gap * rng.integers(-1, 9) / 2
            ellipse(image, (x, y), (gap * 0.65, gap * 0.45), -20, ink)
            up = y > top + 2 * gap
            stem = (x + 0.6 * gap, y - 3.4 * gap) if up else (x - 0.6 * gap, y + 3.4 * gap)
            polyline(image, [(stem[0], y), stem], ink, 1)
            if rng.random() < 0.4:
                polyline(
                    image, [stem, (stem[0] + 2.6 * gap, stem[1] + gap * rng.uniform(-1, 1))], ink, 4
                )
            x += gap * rng.uniform(2.4, 5)
            if rng.random() < 0.16:
                polyline(image, [(x - gap, top), (x - gap, top + 4 * gap)], ink, 1)
    return image


def flag(brush: Brush) -> Image:
    """A flag in the wind, of a country that does not exist."""
    rng = brush.rng
    design = brush.plain(rng.choice([0.2, 0.5, 0.8]))
    bands, kind = rng.integers(2, 6), rng.integers(0, 4)
    for band in range(bands):
        colour = brush.colour((band * 0.45 + 0.1) % 1)
        start, end = band / bands, (band + 1) / bands
        if kind == 0:
            design[int(start * brush.height) : int(end * brush.height)] = colour
        elif kind == 1:
            design[:, int(start * brush.width) : int(end * brush.width)] = colour
    if kind > 1:
        polygon(
            design,
            [(0, 0), (brush.width * 0.5, brush.height / 2), (0, brush.height)],
            brush.colour(0.9),
        )
    centre, radius = (brush.width * rng.uniform(0.25, 0.6), brush.height / 2), brush.height * 0.2
    spikes = np.arange(2 * rng.integers(5, 10))
    reach = np.where(spikes % 2, 0.45, 1.0) * radius
    turn = spikes * 2 * np.pi / len(spikes) - np.pi / 2
    polygon(
        design, np.stack([np.cos(turn), np.sin(turn)], 1) * reach[:, None] + centre, (250, 250, 245)
    )
    phase = brush.x * rng.uniform(7, 14) + brush.y * 2
    columns = (brush.x * 1.12 - 0.06) * brush.width
    rows = (brush.y * 1.25 - 0.125) * brush.height + 11 * np.sin(phase)
    moved = cv2.remap(design, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR,
                      borderValue=(168, 204, 232))  # fmt: skip
    return np.clip(moved * (0.9 + 0.14 * np.cos(phase))[..., None], 0, 255).astype(np.uint8)


def clock_face(brush: Brush) -> Image:
    """A clock."""
    rng = brush.rng
    image = brush.tint(0.4 + 0.2 * brush.noise(60, 4))
    centre = np.array([brush.width / 2, brush.height / 2])
    radius = 0.44 * min(brush.width, brush.height)
    disc(image, centre + 6, radius, brush.colour(0.05))
    disc(image, centre, radius, brush.colour(0.15))
    disc(image, centre, radius * 0.92, brush.colour(0.98))
    for mark in range(60):
        direction = np.array([np.sin(mark * np.pi / 30), -np.cos(mark * np.pi / 30)])
        inner = 0.76 if mark % 5 == 0 else 0.83
        polyline(image, [centre + direction * radius * inner, centre + direction * radius * 0.88],
                 brush.colour(0.1), 4 if mark % 5 == 0 else 1)  # fmt: skip
        if mark % 5 == 0:
            at = centre + direction * radius * 0.62 + (-10, 7)
            write(image, str(mark // 5 or 12), tuple(at), brush.colour(0.1), radius / 190, 2)
    for length, width in ((0.45, 7), (0.68, 4), (0.75, 2)):
        turn = rng.uniform(0, 2 * np.pi)
        tip = centre + length * radius * np.array([np.sin(turn), -np.cos(turn)])
        polyline(image, [centre, tip], brush.colour(0.1 if width > 2 else 0.5), width)
    disc(image, centre, 8, brush.colour(0.5))
    return image
