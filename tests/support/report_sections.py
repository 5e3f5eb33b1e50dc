"""Sections of a report's view, as their templates see them."""

from __future__ import annotations

from types import SimpleNamespace

from imgvet.reports.view.report import ReportView
from imgvet.sections import Section


def section(view: ReportView, anchor: Section) -> SimpleNamespace:
    """A section: its summary, its badge and, by name, its content."""
    shown = next(part for part in view.sections if part.anchor is anchor)
    return SimpleNamespace(summary=shown.summary, badge=shown.badge, **shown.content)
