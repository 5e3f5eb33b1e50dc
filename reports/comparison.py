"""The page of a comparison: one HTML file, in the report's style, with its pictures in it."""

from __future__ import annotations

from imgvet.exchange.compare import Difference, relabelled
from imgvet.reports.build import environment
from imgvet.reports.pictures import inliner

SHOWN, LISTED = 24, 2000
"""Pictures, and rows of the table, at most for each kind of change."""


def comparison_page(difference: Difference) -> str:
    """The page; the same difference gives the same text."""
    images, findings = difference.images, ("newly_bad", "newly_good")
    before, after = (inliner(side.work) for side in (difference.before, difference.after))
    kinds = {name: images[name].map(bool) for name in findings} | {
        name: images["change"] == name for name in ("new", "gone", "changed", "moved")
    }
    sections = []
    for name, chosen in (kinds | {"relabelled": relabelled(images)}).items():
        known = images[chosen].head(LISTED).to_dict(orient="records")
        for row in known[:SHOWN]:
            row["picture_before"] = before(row["digest_before"])
            row["picture"] = after(row["digest"])
        has_pictures = any(row["picture"] or row["picture_before"] for row in known[:SHOWN])
        total = int(chosen.sum())
        sections.append({"name": name, "total": total, "rows": known, "has_pictures": has_pictures})
    page = environment().get_template("comparison.html")
    return page.render(
        difference=difference, sections=sections, shown=SHOWN,
        findings={name: difference.findings(name) for name in findings},
    )  # fmt: skip
