"""Colours of the style sheet: text and figures can be told from their ground (WCAG 2.2, AA)."""

from __future__ import annotations

import re

import pytest

from imgvet.reports import limits
from imgvet.reports.build import environment

TEXT_RATIO = 4.5
GRAPHIC_RATIO = 3.0

TEXT = [
    ("ink", "page"), ("ink", "surface"), ("muted", "page"), ("muted", "surface"),
    ("muted", "sunken"), ("accent", "page"), ("accent", "surface"), ("accent", "accent-soft"),
    ("surface", "accent"), ("good", "surface"), ("good", "good-soft"), ("warn", "surface"),
    ("warn", "warn-soft"), ("bad", "surface"), ("bad", "bad-soft"), ("figure-ink", "surface"),
    ("figure-threshold", "surface"),
]  # fmt: skip
GRAPHICS = [("figure-plain", "surface"), ("figure-flagged", "surface"), ("control", "surface"),
            ("control", "page")]  # fmt: skip


@pytest.fixture(scope="module")
def schemes() -> dict[str, dict[str, str]]:
    """Colour properties of the light and of the dark scheme."""
    made = environment()
    assert made.loader is not None
    light, dark = made.loader.get_source(made, "style.css")[0].split("prefers-color-scheme: dark")
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for name, part in (("light", light), ("dark", dark))
    }


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(
        weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def ratio(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(schemes: dict[str, dict[str, str]], scheme: str) -> None:
    colours = schemes[scheme]
    for pairs, least in ((TEXT, TEXT_RATIO), (GRAPHICS, GRAPHIC_RATIO)):
        for front, ground in pairs:
            assert ratio(colours[front], colours[ground]) >= least, (front, ground)


def test_both_schemes_set_the_same_colours(schemes: dict[str, dict[str, str]]) -> None:
    assert schemes["light"].keys() == schemes["dark"].keys()


def test_script_asks_only_for_colours_that_exist(schemes: dict[str, dict[str, str]]) -> None:
    made = environment()
    assert made.loader is not None
    scripts = "".join(
        made.loader.get_source(made, name)[0] for name in ("report.js", "gallery.js", "map.js")
    )
    asked = set(re.findall(r'colour\("--([\w-]+)"\)', scripts))
    assert asked
    assert asked <= schemes["light"].keys()


def test_style_shows_one_page_of_a_gallery_until_the_script_does() -> None:
    made = environment()
    assert made.loader is not None
    style = made.loader.get_source(made, "style.css")[0]
    assert f":nth-child(n + {limits.PAGE + 1})" in style
