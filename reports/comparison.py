"""The page of a comparison: one HTML file, in the report's style, with its pictures in it."""

from __future__ import annotations

from imgvet.exchange.compare import Difference, relabelled
from imgvet.reports.build import environment
from imgvet.reports.pictures import inliner

SHOWN, LISTED = 24, 2000
"""Pictures, and rows of the table, at most for each kind of change."""

TITLES = {
    "newly_bad": (
        "Newly bad",
        "Findings that these images did not have before; of new images all.",
    ),
    "newly_good": ("Newly good", "Findings that these images no longer have."),
    "new": ("New", "Neither their names nor their contents were there before."),
    "gone": ("Gone", "Neither their names nor their contents are there now."),
    "changed": ("Changed", "Other contents under the same names."),
    "moved": ("Moved", "The same contents under other names."),
    "relabelled": ("Relabelled", "Another label, or in another split."),
}
"""Heading and meaning of each kind of change, in the order in which a person reads them."""


def comparison_page(difference: Difference) -> str:
    """The page; the same difference gives the same text."""
    images = difference.images
    before, after = (inliner(side.work) for side in (difference.before, difference.after))
    chosen = {name: images[images[name].map(bool)] for name in ("newly_bad", "newly_good")} | {
        "relabelled": images[relabelled(images)]
    }
    sections = []
    for name, (title, meaning) in TITLES.items():
        rows = chosen[name] if name in chosen else images[images["change"] == name]
        known = rows.head(LISTED).to_dict(orient="records")
        for row in known[:SHOWN]:
            row["picture_before"] = before(row["digest_before"])
            row["picture"] = after(row["digest"])
        has_pictures = any(row["picture"] or row["picture_before"] for row in known[:SHOWN])
        sections.append({
            "name": name, "title": title, "meaning": meaning, "total": len(rows), "rows": known,
            "has_pictures": has_pictures,
        })  # fmt: skip
    page = environment().get_template("comparison.html")
    return page.render(
        difference=difference, sections=sections, shown=SHOWN,
        findings={name: difference.findings(name) for name in ("newly_bad", "newly_good")},
    )  # fmt: skip
