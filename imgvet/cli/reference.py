"""REFERENCE.md, made from the catalogues; ``make reference`` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from imgvet import errors
from imgvet.cli.arguments import GROUPS, default_text
from imgvet.metrics import FLAGS, METRICS, Metric
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.options import CheckLimits
from imgvet.quality.checks import CHECKS
from imgvet.reasons import MEANING
from imgvet.similarity.distances import DISTANCES
from imgvet.tables import OPTIONAL_TABLES, RESULT_TABLES

MONITOR_GROUP = ("'imgvet monitor' only", (WatchOptions, NotifyOptions))
"""The parameters of a monitored run beside those of a run."""


def reference() -> str:
    """The whole page, Markdown."""
    sections = (
        _parameters(),
        _limits(),
        _distances(),
        _tables(),
        _metrics(),
        _flags(),
        _checks(),
        _reasons(),
        _errors(),
    )
    lines = [
        "# Reference",
        "",
        "Made from the code by `make reference`; a test keeps it up to date.",
        *(line for section in sections for line in ("", *section)),
    ]
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(tuple("---" for _ in head))
    yield from (_row(row) for row in rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _parameters() -> Iterator[str]:
    yield "## Parameters"
    yield ""
    yield "As `--kebab-case` on the command line; by name in Python, config files and the flow."
    for title, parts in (*GROUPS, MONITOR_GROUP):
        yield from ("", f"### {title.capitalize()}", "")
        yield from _fields(*parts)


def _limits() -> Iterator[str]:
    yield from ("### Limits of the checks (`[checks]` in a config file)", "")
    yield from _fields(CheckLimits)


def _fields(*parts: type[BaseModel]) -> Iterator[str]:
    fields = (field for part in parts for field in part.model_fields.items())
    rows = ((f"`{name}`", field.description or "", default_text(field)) for name, field in fields)
    yield from _table(("name", "meaning", "default"), rows)


def _distances() -> Iterator[str]:
    yield "## Distances"
    yield ""
    yield (
        "Similarity is 1 for identical embeddings and falls as the distance d grows. a is the "
        "calibration on the model's card (1 for user embeddings), r the median length of all "
        "embeddings in the same norm, so that their scale does not matter. Where a formula falls "
        "below 0 (never for cosine), 0 is told."
    )
    yield ""
    rows = (
        (f"`{name}`", known.similarity, known.range, "any" if known.any_index else "`Flat`")
        for name, known in DISTANCES.items()
    )
    yield from _table(("distance", "similarity", "range", "nnf_mode"), rows)


def _tables() -> Iterator[str]:
    yield "## Tables"
    for table in (*RESULT_TABLES, *OPTIONAL_TABLES):
        meaning = table.meaning[:1].upper() + table.meaning[1:]
        yield from ("", f"### tables/{table.name}.parquet", "", f"{meaning}.", "")
        rows = ((f"`{c.name}`", str(c.type), c.meaning) for c in table.columns)
        yield from _table(("column", "type", "meaning"), rows)


def _metrics() -> Iterator[str]:
    yield from ("## Metrics", "")
    rows = (
        (f"`{m.name}`", m.meaning, m.unit, _range(m), m.direction.value, m.source) for m in METRICS
    )
    yield from _table(("metric", "meaning", "unit", "range", "direction", "source"), rows)


def _range(metric: Metric) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (metric.low, metric.high))
    return f"{low} .. {high}".strip()


def _flags() -> Iterator[str]:
    yield from ("### Dark, bright, blurry", "")
    rows = (
        (
            flag.name,
            f"`{flag.metric}` {'below' if flag.below else 'above'} `{flag.option}`",
            flag.meaning,
        )
        for flag in FLAGS
    )
    yield from _table(("flag", "when", "meaning"), rows)


def _checks() -> Iterator[str]:
    yield from ("## Checks", "")
    rows = (
        (f"`{c.name}`", c.meaning, c.severity, f"`{c.limit}`" if c.limit else "") for c in CHECKS
    )
    yield from _table(("check", "meaning", "severity", "limit"), rows)


def _reasons() -> Iterator[str]:
    yield from ("## Reasons for leaving an image out", "")
    yield from _table(
        ("reason", "meaning"), ((f"`{r.value}`", text) for r, text in MEANING.items())
    )


def _errors() -> Iterator[str]:
    yield from ("## Errors", "", "All end the command line with exit code 2 and one line.", "")
    kinds = errors.all_errors()
    rows = ((f"`{kind.__name__}`", (kind.__doc__ or "").splitlines()[0]) for kind in kinds)
    yield from _table(("error", "meaning"), rows)


if __name__ == "__main__":
    print(reference(), end="")
