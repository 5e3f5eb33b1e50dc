"""Drawn things: still lifes, animals, festivities."""

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
    ellipse,
    glow,
    mix,
    polygon,
    polyline,
    shaded,
)  # fmt: skip


def fruit(brush: Brush) -> Image:
    """Round fruit on a table, in light from the left."""
    rng = brush.rng
    wall = cover(brush.sky(0.25, 0.5), brush.colour(0.6), 0.4 * brush.noise(150, 4))
    grain = 0.9 + 0.1 * np.sin(brush.y * 240 + 16 * brush.noise(160, 3))
    board = shaded(np.full_like(wall, mix((150, 98, 58), brush.colour(0.7), 0.3)), grain)
    image = np.where((brush.y > 0.6)[..., None], board, wall)
    colours: tuple[Colour, ...] = (
        (214, 52, 44), (240, 150, 30), (120, 170, 50), (90, 40, 90), (236, 200, 70), (196, 90, 60),
    )  # fmt: skip
    for foot in np.sort(rng.uniform(0.68, 0.95, rng.integers(3, 9))):
        radius = rng.uniform(0.09, 0.19)
        x, y = rng.uniform(0.12, 0.88), foot - radius
        colour = colours[rng.integers(len(colours))]
        u = (brush.x - x) * brush.width / (radius * brush.height)
        v = (brush.y - y) / radius
        shadow = np.exp(-((u - 0.5) ** 2) / 0.8 - ((v - 0.95) ** 2) / 0.05)
        image = cover(image, (15, 10, 12), 0.65 * shadow)
        depth = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
        light = np.clip(-0.55 * u - 0.5 * v + 0.65 * depth, 0, None)
        skin = shaded(np.full_like(image, colour), 0.22 + 0.85 * light + 0.1 * brush.noise(4, 2))
        skin = glow(skin, np.clip(light - 0.93, 0, 1) * 7, (255, 255, 255))
        edge = np.clip((1 - np.hypot(u, v)) * radius * brush.height, 0, 1)[..., None]
        image = np.round(image * (1 - edge) + skin * edge).astype(np.uint8)
        top = np.array([x * brush.width, (y - 0.92 * radius) * brush.height])
        polyline(
            image, [top, np.add(top, (0.02 * brush.height, -0.05 * brush.height))], (70, 48, 26), 4
        )
    return image


def fireworks(brush: Brush) -> Image:
    """Bursts over dark water."""
    rng = brush.rng
    image = brush.sky(0.0, 0.22)
    sparks = np.zeros_like(image)
    for _ in range(rng.integers(2, 7)):
        centre = np.array(
            [rng.uniform(0.15, 0.85) * brush.width, rng.uniform(0.15, 0.5) * brush.height]
        )
        reach, rays = rng.uniform(0.12, 0.33) * brush.height, int(rng.integers(24, 80))
        colour = mix(brush.colour(rng.uniform(0.5, 0.9)), (255, 220, 160), rng.uniform(0, 0.5))
        for ray in range(rays):
            turn = 2 * np.pi * ray / rays + rng.normal(0, 0.04)
            t = np.linspace(0.25, rng.uniform(0.8, 1.1), 12)[:, None]
            path = centre + reach * (t * (np.cos(turn), np.sin(turn)) + 0.28 * t**2 * (0, 1))
            polyline(sparks, path, colour, int(rng.integers(1, 3)))
            disc(sparks, path[-1], 2.2, (255, 250, 235))
    halo = cv2.GaussianBlur(sparks, (0, 0), 7)
    lit = cv2.add(cv2.add(image, sparks), halo)
    water = int(brush.height * 0.78)
    mirror = cv2.resize(
        lit[water - (brush.height - water) * 2 : water][::-1], (brush.width, brush.height - water)
    )
    lit[water:] = (mirror * (0.4 + 0.4 * brush.noise(6, 2)[water:, :, None])).astype(np.uint8)
    return lit


def snowflake(brush: Brush) -> Image:
    """A snow crystal of six equal arms."""
    rng = brush.rng
    image = cover(brush.sky(0.1, 0.5), brush.colour(0.7), 0.5 * brush.noise(120, 4))
    centre = np.array([brush.width / 2, brush.height / 2])
    size, ice = 0.46 * min(brush.width, brush.height), brush.colour(1)
    twigs = [
        (at, rng.uniform(0.1, 0.42) * (1.1 - at)) for at in np.sort(rng.uniform(0.15, 0.95, 7))
    ]
    for arm in range(6):
        turn = arm * np.pi / 3 + np.pi / 6
        ahead = np.array([np.cos(turn), np.sin(turn)])
        polyline(image, [centre, centre + size * ahead], ice, 5)
        for at, length in twigs:
            joint = centre + size * at * ahead
            for side in (-1, 1):
                heading = turn + side * np.pi / 3
                tip = joint + size * length * np.array([np.cos(heading), np.sin(heading)])
                polyline(image, [joint, tip], ice, 3)
                disc(image, tip, 4, ice)
    corners = np.arange(6) * np.pi / 3
    for share in rng.uniform(0.12, 0.4, 2):
        ring = centre + size * share * np.stack([np.cos(corners), np.sin(corners)], 1)
        polyline(image, ring, ice, 3, closed=True)
    return image


def butterfly(brush: Brush) -> Image:
    """A butterfly with patterned wings."""
    rng = brush.rng
    image = cover(brush.sky(0.95, 0.8), brush.colour(0.65), 0.7 * brush.noise(80, 3))
    centre = np.array([brush.width / 2, brush.height / 2])
    size = 0.46 * min(brush.width, brush.height)
    ink, spots = (24, 18, 22), rng.uniform(0.2, 1, (2, 5))
    for wing, (heading, length, width) in enumerate(((-0.6, 1.0, 0.52), (0.65, 0.78, 0.46))):
        long, wide = length * rng.uniform(0.85, 1.1), width * rng.uniform(0.8, 1.15)
        for layer, tone in ((1.0, None), (0.88, 0.55), (0.6, 0.75), (0.34, 0.95)):
            for side in (-1, 1):
                way = np.array([side * np.cos(heading), np.sin(heading)])
                middle = centre + way * size * long * 0.5
                colour = ink if tone is None else brush.colour(tone - 0.12 * wing)
                degrees = np.rad2deg(np.arctan2(way[1], way[0]))
                ellipse(image, middle, (size * long * 0.52 * layer, size * wide * 0.62 * layer),
                        degrees, colour)  # fmt: skip
        for spot, level in enumerate(spots[wing]):
            for side in (-1, 1):
                turn = heading - 0.5 + 0.25 * spot
                reach = size * long * (0.84 - 0.05 * abs(spot - 2))
                at = centre + reach * np.array([side * np.cos(turn), np.sin(turn)])
                disc(image, at, size * 0.045, brush.colour(level))
    ellipse(image, centre, (size * 0.36, size * 0.05), 90, ink)
    for side in (-1, 1):
        feeler = centre + np.array([(0, -0.3), (side * 0.1, -0.52), (side * 0.24, -0.64)]) * size
        polyline(image, feeler, ink, 2)
    return image


def aquarium(brush: Brush) -> Image:
    """Fish, weed and bubbles."""
    rng = brush.rng
    image = brush.sky(0.8, 0.3)
    rays = np.clip(np.sin((brush.x + 0.4 * brush.y) * 30) - 0.4, 0, 1) * (1 - brush.y) * 0.4
    image = glow(image, rays.astype(np.float32), (255, 255, 255))
    for _ in range(rng.integers(6, 16)):
        x, tall = rng.random() * brush.width, rng.uniform(0.2, 0.6) * brush.height
        t = np.linspace(0, 1, 25)
        weed = np.stack([x + 10 * np.sin(t * 9 + x), brush.height - t * tall], 1)
        polyline(image, weed, (30, int(rng.uniform(90, 170)), 70), 7)
    for _ in range(rng.integers(3, 10)):
        at = np.array([rng.uniform(0.1, 0.9) * brush.width, rng.uniform(0.12, 0.8) * brush.height])
        _fish(brush, image, at, rng.uniform(0.05, 0.15) * brush.height)
    for _ in range(40):
        bubble = rng.random() * brush.width, rng.random() * brush.height
        disc(image, bubble, rng.uniform(1.5, 7), (235, 248, 255), 1)
    return image


def _fish(brush: Brush, image: Image, at: np.ndarray, size: float) -> None:
    side = brush.rng.choice([-1, 1])
    body = mix(brush.colour(brush.rng.random()), (250, 140, 40), brush.rng.random())
    tail = np.array([(-1.3, 0), (-2.2, -0.8), (-1.9, 0), (-2.2, 0.8)]) * (side, 1) * size + at
    polygon(image, tail, mix(body, (20, 20, 40), 0.3))
    fin = np.array([(0.3, -0.6), (-0.9, -1.3), (-0.8, -0.4)]) * (side, 1) * size + at
    polygon(image, fin, mix(body, (20, 20, 40), 0.3))
    ellipse(image, at, (1.5 * size, 0.8 * size), 0, body)
    for stripe in (-0.5, 0.1, 0.6):
        ellipse(
            image,
            np.add(at, (side * stripe * size, 0)),
            (0.12 * size, 0.66 * size),
            0,
            (250, 250, 250),
        )
    eye = at + np.array([side * 1.0, -0.2]) * size
    disc(image, eye, 0.2 * size, (255, 255, 255))
    disc(image, eye, 0.1 * size, (10, 10, 10))


def chess(brush: Brush) -> Image:
    """Pawns on a board in perspective."""
    rng = brush.rng
    flat = np.zeros((512, 512, 3), np.uint8)
    for row in range(8):
        for column in range(8):
            tone = 0.85 if (row + column) % 2 else 0.22
            flat[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64] = brush.colour(tone)
    lean, top = rng.uniform(0.1, 0.3), rng.uniform(0.2, 0.42)
    size = np.array([brush.width, brush.height])
    corners = np.array([(lean, top), (1 - lean, top), (1.15, 1.05), (-0.15, 1.05)]) * size
    source = np.array([(0, 0), (512, 0), (512, 512), (0, 512)], np.float32)
    view = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    image = brush.sky(0.05, 0.6)
    cv2.warpPerspective(flat, view, (brush.width, brush.height), image,
                        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    squares = sorted(rng.permutation(64)[: rng.integers(6, 20)])
    for square in squares:
        centre = np.array([[[(square % 8) * 64 + 32.0, square // 8 * 64 + 32.0]]])
        foot = cv2.perspectiveTransform(centre, view)[0, 0]
        size = 0.055 * brush.height * (0.55 + foot[1] / brush.height)
        colour: Colour = (238, 230, 210) if rng.random() < 0.5 else (40, 34, 36)
        ellipse(
            image, np.add(foot, (0.3 * size, 0)), (1.2 * size, 0.4 * size), 0, brush.colour(0.1)
        )
        polygon(
            image, np.array([(-0.8, 0), (0.8, 0), (0.3, -1.6), (-0.3, -1.6)]) * size + foot, colour
        )
        ellipse(image, foot, (0.85 * size, 0.3 * size), 0, colour)
        disc(image, np.add(foot, (0, -1.9 * size)), 0.55 * size, colour)
        disc(
            image,
            np.add(foot, (-0.15 * size, -2.1 * size)),
            0.16 * size,
            mix(colour, (255, 255, 255), 0.6),
        )
    return image


def house(brush: Brush) -> Image:
    """A house front with a garden fence."""
    rng = brush.rng
    image = cover(brush.sky(0.6, 0.95), (255, 255, 255), (brush.noise(130, 5) - 0.5) * 1.5)
    ground, wide = brush.height * 0.82, rng.uniform(0.45, 0.7) * brush.width
    left, top = (brush.width - wide) / 2, rng.uniform(0.36, 0.5) * brush.height
    image[int(ground) :] = (96, 140, 70)
    wall = brush.colour(rng.choice([0.5, 0.75, 0.95]))
    polygon(image, [(left, top), (left + wide, top), (left + wide, ground), (left, ground)], wall)
    for y in np.arange(top, ground, 9):
        polyline(image, [(left, y), (left + wide, y)], mix(wall, (0, 0, 0), 0.12))
    peak = left + wide * rng.uniform(0.35, 0.65), top - rng.uniform(0.16, 0.3) * brush.height
    polygon(image, [(left - 20, top + 4), peak, (left + wide + 20, top + 4)], brush.colour(0.2))
    columns = int(rng.integers(2, 6))
    for row in range(2):
        for column in range(columns):
            x = left + wide * (column + 0.5) / columns
            y = top + (ground - top) * (0.12 + 0.45 * row)
            half, tall = wide / columns * 0.27, (ground - top) * 0.28
            door = row == 1 and column == columns // 2
            low = ground if door else y + tall
            polygon(image, [(x - half - 3, y - 3), (x + half + 3, y - 3), (x + half + 3, low + 3),
                            (x - half - 3, low + 3)], (245, 245, 240))  # fmt: skip
            pane = brush.colour(0.35) if door else (90, 120, 150)
            polygon(image, [(x - half, y), (x + half, y), (x + half, low), (x - half, low)], pane)
            if not door:
                polyline(image, [(x, y), (x, low)], (245, 245, 240), 2)
    for x in range(0, brush.width, 17):
        top, foot = ground + 4, brush.height
        picket = [(x, foot), (x, top), (x + 5, top - 10), (x + 10, top), (x + 10, foot)]
        polygon(image, picket, (250, 250, 250))
    return image


def sailing(brush: Brush) -> Image:
    """Boats on a sea of waves."""
    rng = brush.rng
    image = brush.sky(0.7, 1.0)
    image = cover(image, (255, 255, 255), (brush.noise(110, 5) - 0.55) * 2)
    boats = {int(row): rng.uniform(0.1, 0.9) for row in rng.integers(1, 9, rng.integers(2, 6))}
    for row in range(11):
        level = brush.height * (0.5 + 0.05 * row)
        if row in boats:
            _boat(
                brush,
                image,
                (boats[row] * brush.width, level + 8),
                brush.height * (0.05 + 0.012 * row),
            )
        x = np.linspace(0, brush.width, 80)
        crest = level + (3 + row) * np.sin(x / (14 + 4 * row) + rng.uniform(0, 6))
        shape = np.vstack(
            [np.stack([x, crest], 1), [(brush.width, brush.height), (0, brush.height)]]
        )
        polygon(image, shape, brush.colour(0.55 - 0.045 * row))
        polyline(image, np.stack([x, crest], 1), brush.colour(0.9), 1)
    return image


def _boat(brush: Brush, image: Image, at: tuple[float, float], size: float) -> None:
    hull = np.array([(-1.6, 0), (1.8, 0), (1.2, 0.7), (-1.2, 0.7)]) * size + at
    polygon(image, hull, mix(brush.colour(0.3), (180, 60, 40), brush.rng.random()))
    polyline(image, [at, (at[0], at[1] - 4.2 * size)], (80, 60, 40), 2)
    sail = np.array([(0.1, -4.1), (0.1, -0.4), (1.7, -0.4)]) * size + at
    polygon(image, sail, (252, 250, 240))
    jib = np.array([(-0.1, -3.6), (-0.1, -0.4), (-1.3, -0.4)]) * size + at
    polygon(image, jib, mix((255, 255, 255), brush.colour(0.6), brush.rng.random()))


def lanterns(brush: Brush) -> Image:
    """Paper lanterns that rise at night."""
    rng = brush.rng
    image = brush.sky(0.02, 0.35)
    light: Values = np.zeros((brush.height, brush.width), np.float32)
    shapes = []
    for size in np.sort(rng.uniform(0.015, 0.12, rng.integers(12, 50))) * brush.height:
        x, y = rng.random() * brush.width, rng.random() * brush.height * 0.95
        distance = np.hypot(brush.x * brush.width - x, brush.y * brush.height - y) / size
        light += np.exp(-distance * 0.9) * 0.8
        shapes.append((x, y, size))
    image = glow(image, np.clip(light, 0, 1.2), (230, 120, 40))
    for x, y, size in shapes:
        body = np.array([(-0.7, -1), (0.7, -1), (0.95, 0.2), (0.7, 1), (-0.7, 1), (-0.95, 0.2)])
        polygon(image, body * size + (x, y), (255, 176, 74))
        ellipse(image, (x, y + 0.55 * size), (0.55 * size, 0.4 * size), 0, (255, 238, 176))
    return image
