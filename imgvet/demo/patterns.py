"""Drawn patterns: cloth, tiles, optical figures."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.demo.brush import Brush, Image, cover, disc, grain, polygon, polyline, shaded


def plaid(brush: Brush) -> Image:
    """Woven stripes in both directions."""
    rng = brush.rng
    period = int(rng.uniform(50, 190))
    stripes, at = np.zeros(period, np.float32), 0
    while at < period:
        width = int(rng.uniform(3, period / 3))
        stripes[at : at + width] = rng.random()
        at += width
    across = stripes[np.arange(brush.width) % period][None, :]
    down = stripes[np.arange(brush.height) % period][:, None]
    rows, columns = np.indices((brush.height, brush.width))
    over = ((rows + columns) // 2 % 2).astype(np.float32)
    cloth = brush.tint(across * over + down * (1 - over))
    return shaded(cloth, 0.92 + 0.16 * brush.noise(2, 1))


def low_poly(brush: Brush) -> Image:
    """Triangles whose tones follow a hidden relief."""
    rng = brush.rng
    plane = cv2.Subdiv2D((-50, -50, brush.width + 100, brush.height + 100))
    for x, y in rng.random((rng.integers(40, 260), 2)):
        plane.insert((float(x * (brush.width + 90) - 45), float(y * (brush.height + 90) - 45)))
    tone, image = brush.noise(rng.uniform(150, 400), 2), brush.plain(0.5)
    for corners in np.asarray(plane.getTriangleList()).reshape(-1, 3, 2):
        x, y = np.clip(corners.mean(0), 0, (brush.width - 1, brush.height - 1)).astype(int)
        polygon(image, corners, brush.colour(np.clip(tone[y, x] + rng.normal(0, 0.05), 0, 1)))
    return grain(brush, image, 0.16)


def fish_scales(brush: Brush) -> Image:
    """Rows of overlapping ringed discs."""
    rng = brush.rng
    image, radius = brush.plain(0.2), rng.uniform(22, 60)
    rings = np.linspace(1, 0.15, rng.integers(2, 7))
    for row, y in enumerate(np.arange(-radius, brush.height + 2 * radius, radius / 2)):
        for x in np.arange(-radius, brush.width + 2 * radius, 2 * radius) + (row % 2) * radius:
            start = rng.random() if len(rings) > 4 else 0.0
            for index, share in enumerate(rings):
                disc(image, (x, y), share * radius, brush.colour((index * 0.37 + start) % 1))
    return image


def cubes(brush: Brush) -> Image:
    """Stacked cubes seen from a corner."""
    rng = brush.rng
    side = rng.uniform(18, 60)
    dx, dy = side * np.sqrt(3) / 2, side / 2
    image, wave = brush.plain(0.05), brush.noise(170, 2)
    for row, y in enumerate(np.arange(-side, brush.height + 2 * side, 1.5 * side)):
        for x in np.arange(-dx, brush.width + 2 * dx, 2 * dx) + (row % 2) * dx:
            at = min(max(int(y), 0), brush.height - 1), min(max(int(x), 0), brush.width - 1)
            tone = 0.25 + 0.5 * wave[at]
            top = [(x, y - side), (x + dx, y - dy), (x, y), (x - dx, y - dy)]
            polygon(image, top, brush.colour(tone + 0.25))
            polygon(
                image,
                [(x - dx, y - dy), (x, y), (x, y + side), (x - dx, y + dy)],
                brush.colour(tone),
            )
            polygon(image, [(x + dx, y - dy), (x, y), (x, y + side), (x + dx, y + dy)],
                    brush.colour(tone - 0.25))  # fmt: skip
    return image


def quarter_tiles(brush: Brush) -> Image:
    """Tiles of quarter discs, turned by chance."""
    rng = brush.rng
    side = int(rng.uniform(32, 90))
    image = brush.plain(0.95)
    for top in range(0, brush.height, side):
        for left in range(0, brush.width, side):
            tile = np.full((side, side, 3), brush.colour(rng.choice([0.05, 0.95, 0.75])), np.uint8)
            kind = rng.integers(0, 3)
            disc(tile, (0, 0), side - 1, brush.colour(rng.choice([0.2, 0.45, 0.65])))
            if kind == 1:
                disc(tile, (side, side), side / 2, brush.colour(0.5))
            elif kind == 2:
                disc(tile, (0, 0), side / 2, brush.colour(0.9))
            tile = np.rot90(tile, int(rng.integers(0, 4)))
            image[top : top + side, left : left + side] = tile[
                : brush.height - top, : brush.width - left
            ]
    return image


def rings(brush: Brush) -> Image:
    """Circles from several centres that interfere."""
    rng = brush.rng
    x, y = brush.centred()
    field = np.zeros((brush.height, brush.width), np.float32)
    for _ in range(rng.integers(2, 6)):
        distance = np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1))
        field += np.sin(distance * rng.uniform(14, 46))
    return brush.tint(0.5 + 0.5 * np.tanh(field * rng.uniform(0.6, 4)))


def kaleidoscope(brush: Brush) -> Image:
    """A wedge of colour, mirrored all round."""
    rng = brush.rng
    x, y = brush.centred()
    fold = np.pi / rng.integers(3, 10)
    angle = np.abs((np.arctan2(y, x) + 10 * fold) % (2 * fold) - fold)
    distance = np.hypot(x, y)
    u, v = distance * np.cos(angle), distance * np.sin(angle)
    source = brush.noise(rng.uniform(25, 90), 3)
    columns = np.clip(u * 0.6, 0, 0.99) * brush.width
    rows = np.clip(v * 0.9, 0, 0.99) * brush.height
    folded = cv2.remap(
        source, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR
    )
    bands = 0.5 + 0.5 * np.sin(folded * rng.uniform(10, 32) + distance * 4)
    return brush.tint(bands)


def terrazzo(brush: Brush) -> Image:
    """Chips of stone in a pale floor."""
    rng = brush.rng
    image = shaded(brush.plain(0.97), 0.94 + 0.08 * brush.noise(3, 2))
    for _ in range(rng.integers(90, 420)):
        centre = rng.random(2) * (brush.width, brush.height)
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 8)))
        reach = (rng.exponential(5) + 3) * rng.uniform(0.6, 1.2, len(angles))
        chip = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1) + centre
        polygon(image, chip, brush.colour(rng.random()))
    return image


def knit(brush: Brush) -> Image:
    """Rows of stitches with a knitted figure."""
    rng = brush.rng
    size = rng.uniform(9, 17)
    image = brush.plain(0.1)
    motif = rng.random((9, 6)) < rng.uniform(0.3, 0.6)
    motif = np.hstack([motif, motif[:, ::-1]])
    ground, figure = (
        brush.colour(rng.choice([0.2, 0.45, 0.95])),
        brush.colour(rng.choice([0.7, 0.05])),
    )
    for row, y in enumerate(np.arange(-size, brush.height + size, size * 0.8)):
        for column, x in enumerate(np.arange(0, brush.width + size, size)):
            colour = figure if motif[row % 9, column % 12] else ground
            for side in (-1, 1):
                leg = (
                    np.array([(0, 0.55), (0.42, -0.35), (0.5, -0.1), (0.08, 0.8)])
                    * (side, 1)
                    * size
                )
                polygon(image, np.add(leg, (x, y)), colour)
    return shaded(image, 0.85 + 0.25 * brush.noise(2, 1))


def maze(brush: Brush) -> Image:
    """A labyrinth of one-way diagonals or of right angles."""
    rng = brush.rng
    side, image = rng.uniform(12, 34), brush.plain(0.95)
    straight, width = rng.random() < 0.5, rng.uniform(0.15, 0.35)
    for y in np.arange(0, brush.height, side):
        for x in np.arange(0, brush.width, side):
            flip = rng.random() < 0.5
            if straight:
                end = (x + side, y) if flip else (x, y + side)
                polyline(image, [(x, y), end], brush.colour(0.1), width * side)
            else:
                start, end = (
                    ((x, y), (x + side, y + side)) if flip else ((x + side, y), (x, y + side))
                )
                polyline(
                    image, [start, end], brush.colour(0.2 + 0.5 * y / brush.height), width * side
                )
    return image


def painted_blocks(brush: Brush) -> Image:
    """A canvas cut into rectangles by heavy lines."""
    rng = brush.rng
    image = brush.plain(0.98)
    boxes = [(0, 0, brush.width, brush.height)]
    for _ in range(rng.integers(8, 22)):
        boxes.sort(key=lambda box: box[2] * box[3])
        x, y, width, height = boxes.pop()
        share = rng.uniform(0.3, 0.7)
        if width > height:
            cut = int(width * share)
            boxes += [(x, y, cut, height), (x + cut, y, width - cut, height)]
        else:
            cut = int(height * share)
            boxes += [(x, y, width, cut), (x, y + cut, width, height - cut)]
    colours = [
        (250, 248, 240),
        (250, 248, 240),
        brush.colour(0.3),
        brush.colour(0.55),
        brush.colour(0.75),
    ]
    for x, y, width, height in boxes:
        colour = colours[rng.integers(0, len(colours))]
        cv2.rectangle(image, (x, y), (x + width, y + height), colour, -1)
        cv2.rectangle(image, (x, y), (x + width, y + height), (15, 15, 18), 7)
    return shaded(image, 0.95 + 0.08 * brush.noise(3, 3))


def quilt(brush: Brush) -> Image:
    """Patchwork of stars and pinwheels."""
    rng = brush.rng
    side, image = rng.integers(54, 110), brush.plain(0.9)
    block, kind = rng.random((4, 4, 2)), rng.integers(0, 3)
    for row, top in enumerate(range(0, brush.height + side, side)):
        for column, left in enumerate(range(0, brush.width + side, side)):
            tone = block[row % 4, column % 4]
            square = np.array([(0, 0), (side, 0), (side, side), (0, side)])
            corners = np.add(square, (left, top))
            centre = corners.mean(0)
            for index in range(4):
                first, second = corners[index], corners[(index + 1) % 4]
                middle = (first + second) / 2
                piece = [[first, middle, centre], [first, second, centre], [middle, second, centre]]
                polygon(image, piece[kind], brush.colour(tone[index % 2]))
            polyline(image, corners, brush.colour(1), 2, closed=True)
    stitches = (np.indices((brush.height, brush.width)).sum(0) % 12 < 2).astype(np.float32)
    return cover(image, (255, 255, 255), 0.12 * stitches)
