"""REFERENCE.md, made from the catalogues; ``make reference`` writes it."""

from __future__ import annotations

import jinja2

from imgvet.check_options import CheckLimits
from imgvet.cli.arguments import default_text
from imgvet.curation.decisions import Kind
from imgvet.curation.rules import CurateOptions, KeepRules, ListRules
from imgvet.errors import EXIT_CODES, all_errors
from imgvet.exchange.options import ExportOptions
from imgvet.metrics import FLAGS, METRICS, Metric
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.options import GROUPS
from imgvet.quality.checks import CHECKS
from imgvet.reasons import Reason
from imgvet.similarity.distances import DISTANCES
from imgvet.tables import OPTIONAL_TABLES, PLAN, RESULT_TABLES


def reference() -> str:
    """The whole page, Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("imgvet.cli"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  it is Markdown
    )
    environment.filters |= {"cell": lambda text: text.replace("|", "\\|"), "range": _range}
    return environment.get_template("reference.md").render(
        default_text=default_text,
        groups={
            **GROUPS,
            "'imgvet monitor' only": (WatchOptions, NotifyOptions),
            "'imgvet export' only": (ExportOptions,),
        },
        limits=CheckLimits,
        rules=(ListRules, KeepRules),
        curation=CurateOptions,
        plan=PLAN,
        decisions=Kind,
        distances=DISTANCES,
        tables=(*RESULT_TABLES, *OPTIONAL_TABLES),
        metrics=METRICS,
        flags=FLAGS,
        checks=CHECKS,
        reasons=Reason,
        errors=all_errors(),
        exit_codes=EXIT_CODES,
    )


def _range(metric: Metric) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (metric.low, metric.high))
    return f"{low} .. {high}".strip()


if __name__ == "__main__":
    print(reference(), end="")
