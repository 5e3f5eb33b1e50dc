"""REFERENCE.md, made from the catalogues; ``make reference`` writes it."""

from __future__ import annotations

from imgvet.check_options import CheckLimits
from imgvet.cli.arguments import default_text
from imgvet.curation.decisions import Kind
from imgvet.curation.rules import CurateOptions, KeepRules, ListRules
from imgvet.errors import EXIT_CODES, all_errors
from imgvet.exchange.options import ExportOptions
from imgvet.format import filled
from imgvet.images import isolation, picture
from imgvet.metrics import FLAGS, METRICS
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.options import GROUPS
from imgvet.quality.checks import CHECKS
from imgvet.reasons import Reason
from imgvet.similarity.distances import DISTANCES
from imgvet.sources import archive, listing, video
from imgvet.tables import OPTIONAL_TABLES, PLAN, RESULT_TABLES


def reference() -> str:
    """The whole page, Markdown."""
    return filled(
        "reference.md",
        cell=lambda text: text.replace("|", "\\|"),
        bound=lambda bound: "" if bound is None else f"{bound:g}",
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
        size=_size,
        archive=archive,
        isolation=isolation,
        listing=listing,
        picture=picture,
        video=video,
        errors=all_errors(),
        exit_codes=EXIT_CODES,
    )


def _size(count: int) -> str:
    power = (count.bit_length() - 1) // 10
    return f"{count >> 10 * power} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


if __name__ == "__main__":
    print(reference(), end="")
