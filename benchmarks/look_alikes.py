"""Different pictures that look alike: what must not be taken for edits of each other.

Pages under one letterhead, filled forms, windows of one program, charts of one series, walls and
the like: drawn, so that of each kind there are as many as wanted, and always the same. Every
drawing is a pure function of its number; it returns an RGB picture, uint8 [H, W, 3].
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.edits import Image

Random = np.random.Generator
Draw = Callable[[int], Image]

_INK, _BLUE, _LINE = (30, 30, 30), (40, 70, 150), (190, 190, 190)
_WORDS = ("the", "report", "a", "data", "were", "found", "of", "images", "which", "show", "other")


def _page(width: int, height: int, level: int = 255) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def _write(
    page: Image,
    text: str,
    at: tuple[int, int],
    size: float = 0.4,
    ink: tuple[int, int, int] = _INK,
    bold: int = 1,
) -> None:
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, bold, cv2.LINE_AA)


def _lines(
    page: Image, random: Random, left: int, top: int, width: int, count: int, step: int = 16
) -> None:
    """Lines of random words, ragged, with paragraphs that end anywhere."""
    for line in range(count):
        share = random.uniform(0.3, 0.9) if random.random() < 0.2 else 1.0
        text = ""
        while len(text) * 7 < width * share - 30:
            text += random.choice(_WORDS) + " "
        _write(page, text, (left, top + step * line))


def letter(number: int) -> Image:
    """One letterhead, other text."""
    random, page = np.random.default_rng(number), _page(420, 594)
    cv2.circle(page, (60, 50), 26, _BLUE, -1)
    _write(page, "EXAMPLE & SONS", (100, 50), 0.8, _BLUE, 2)
    _write(page, "12 Long Street, Anytown - established 1901", (100, 70), 0.35)
    cv2.line(page, (30, 90), (390, 90), _BLUE, 2)
    _lines(page, random, 40, 140, 340, int(random.integers(12, 26)))
    cv2.line(page, (30, 560), (390, 560), _BLUE, 1)
    _write(page, "Bank 0123 4567 890 - www.example.org", (60, 578), 0.35)
    return page


def book_page(number: int) -> Image:
    """A page full of text of one layout."""
    page = _page(420, 594, 250)
    _lines(page, np.random.default_rng(number), 40, 60, 340, 31)
    _write(page, str(number + 10), (200, 578))
    return page


def form(number: int) -> Image:
    """One form, filled in by someone else."""
    random, page = np.random.default_rng(number), _page(420, 594)
    _write(page, "APPLICATION FORM", (90, 40), 0.8, _INK, 2)
    for row in range(14):
        top = 80 + 35 * row
        cv2.rectangle(page, (150, top - 20), (400, top + 6), _LINE, 1)
        _write(page, f"Field no. {row + 1}", (20, top))
        text = "".join(random.choice(list("abcdefghiklmnorstuv"), int(random.integers(3, 24))))
        _write(page, text, (156, top - 2), 0.5, _BLUE)
    return page


def window(number: int) -> Image:
    """A window of one program, with other contents."""
    random, page = np.random.default_rng(number), _page(640, 420, 245)
    cv2.rectangle(page, (0, 0), (640, 30), (50, 60, 80), -1)
    cv2.rectangle(page, (0, 30), (120, 420), (70, 85, 110), -1)
    for row, name in enumerate(("Home", "Reports", "People", "Orders", "Stock", "Help")):
        _write(page, name, (15, 60 + 28 * row), 0.45, (230, 230, 230))
    _write(page, "Administration", (10, 21), 0.5, (255, 255, 255))
    for row in range(int(random.integers(6, 12))):
        top = 60 + 30 * row
        cv2.rectangle(page, (135, top - 18), (625, top + 8), (255, 255, 255), -1)
        _write(page, " ".join(random.choice(_WORDS, 4)), (145, top))
        _write(page, f"{random.integers(1, 9999):,}.00", (540, top))
    return page


def chart(number: int) -> Image:
    """A curve on axes that are the same for all."""
    random, page = np.random.default_rng(number), _page(560, 400)
    for step in range(9):
        cv2.line(page, (60, 40 + 38 * step), (530, 40 + 38 * step), (215, 215, 215), 1)
        cv2.line(page, (60 + 58 * step, 40), (60 + 58 * step, 344), (215, 215, 215), 1)
        _write(page, f"{80 - 10 * step}", (30, 44 + 38 * step), 0.35)
        _write(page, f"{2010 + step}", (48 + 58 * step, 362), 0.35)
    cv2.rectangle(page, (60, 40), (530, 344), _INK, 1)
    _write(page, "Sales by year", (220, 25), 0.6)
    heights = 190 + np.cumsum(random.normal(0, 12, 95))
    points = np.column_stack([60 + 5 * np.arange(95), heights.clip(45, 340)]).astype(np.int32)
    cv2.polylines(page, [points], False, (31, 119, 180), 2, cv2.LINE_AA)
    return page


def bars(number: int) -> Image:
    """Bars of other heights under one title."""
    random, page = np.random.default_rng(number), _page(560, 400)
    _write(page, "Quarterly revenue", (190, 28), 0.6, _INK, 2)
    for bar in range(12):
        height = int(random.integers(20, 290))
        left = 60 + 40 * bar
        cv2.rectangle(page, (left, 350 - height), (left + 28, 350), (31, 119, 180), -1)
        _write(page, f"Q{bar}", (left + 2, 368), 0.35)
    cv2.line(page, (50, 350), (540, 350), _INK, 2)
    return page


def bricks(number: int) -> Image:
    """A wall: the same bond, each brick of another shade."""
    random, page = np.random.default_rng(number), _page(480, 360, 190)
    for row in range(12):
        for column in range(-1, 8):
            left, top = 64 * column + 32 * (row % 2), 30 * row
            shade = random.normal(0, 14) + np.array([150, 80, 60])
            cv2.rectangle(page, (left + 2, top + 2), (left + 61, top + 27), shade.tolist(), -1)
    grain = random.normal(0, 8, page.shape)
    return (page + grain).clip(0, 255).astype(np.uint8)


def house(number: int) -> Image:
    """Rows of windows, of which some are lit."""
    random, page = np.random.default_rng(number), _page(420, 480, 120)
    for row in range(9):
        for column in range(8):
            left, top = 20 + 49 * column, 20 + 50 * row
            lit = (235, 215, 140) if random.random() < 0.4 else (45, 55, 70)
            cv2.rectangle(page, (left, top), (left + 32, top + 36), lit, -1)
    return page


def chess(number: int) -> Image:
    """A board with the pieces in other places."""
    random, page = np.random.default_rng(number), _page(400, 400)
    for square in range(64):
        row, column = divmod(square, 8)
        shade = (240, 217, 181) if (row + column) % 2 == 0 else (181, 136, 99)
        cv2.rectangle(page, (50 * column, 50 * row), (50 * column + 49, 50 * row + 49), shade, -1)
    for square in random.choice(64, 20, replace=False).tolist():
        row, column = divmod(square, 8)
        ink = (250, 250, 250) if random.random() < 0.5 else (20, 20, 20)
        cv2.circle(page, (50 * column + 25, 50 * row + 25), int(random.integers(10, 20)), ink, -1)
    return page


def slide(number: int) -> Image:
    """A slide of one talk: the same frame, another title and points."""
    random, page = np.random.default_rng(number), _page(640, 360, 250)
    cv2.rectangle(page, (0, 0), (640, 60), (20, 60, 110), -1)
    cv2.rectangle(page, (0, 335), (640, 360), (20, 60, 110), -1)
    _write(page, "Example Institute  -  annual meeting", (15, 352), 0.4, (255, 255, 255))
    cv2.circle(page, (605, 30), 20, (240, 180, 40), -1)
    _write(page, " ".join(random.choice(_WORDS, 3)), (20, 40), 0.9, (255, 255, 255), 2)
    for row in range(int(random.integers(2, 6))):
        cv2.circle(page, (40, 100 + 42 * row), 5, (20, 60, 110), -1)
        _write(page, " ".join(random.choice(_WORDS, 7)), (60, 105 + 42 * row), 0.55)
    return page


def product(number: int) -> Image:
    """A thing on white under one logo, as shops show it: other shape and colour."""
    random, page = np.random.default_rng(number), _page(400, 400)
    colour = random.integers(20, 235, 3).tolist()
    corners = np.array([200, 210]) + random.uniform(40, 140, (7, 1)) * np.array(
        [[np.cos(a), np.sin(a)] for a in np.arange(7) * 0.9]
    )
    cv2.fillPoly(page, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    _write(page, "BestShop", (280, 385), 0.6, (200, 30, 30), 2)
    return page


def eye(number: int) -> Image:
    """The back of an eye through one eyepiece: a bright spot on one side, and other vessels."""
    random, vessels = np.random.default_rng(number), np.zeros((360, 360), np.float32)
    rows, columns = np.indices(vessels.shape)
    for _ in range(9):
        at, angle = np.array([250.0, 180.0]), random.uniform(0, 2 * np.pi)
        for _ in range(50):
            to = at + 6 * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(vessels, at.astype(int).tolist(), to.astype(int).tolist(), 1.0, 2, cv2.LINE_AA)
            at, angle = to, angle + random.normal(0, 0.2)
    far = np.hypot(columns - 180, rows - 180) / 165
    spot = np.exp(-((columns - 250) ** 2 + (rows - 180) ** 2) / 900)
    level = (130 - 60 * far**2 + 80 * spot - 26 * cv2.blur(vessels, (3, 3))) * (far < 1)
    return np.stack([level, level * 0.5, level * 0.25], -1).clip(0, 255).astype(np.uint8)


LOOK_ALIKES: dict[str, Draw] = {
    "letters": letter, "pages of a book": book_page, "forms": form, "windows": window,
    "charts": chart, "bars": bars, "slides": slide, "products": product,
    "chess boards": chess, "walls": bricks, "houses": house, "eyes": eye,
}  # fmt: skip
"""By name, in the order in which tables show them."""
