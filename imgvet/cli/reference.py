"""REFERENCE.md, made from the catalogues; ``make reference`` writes it."""

from __future__ import annotations

from imgvet.check_options import CheckLimits
from imgvet.cli.arguments import default_text
from imgvet.curation.decisions import Kind
from imgvet.curation.rules import CurateOptions, KeepRules, ListRules
from imgvet.errors import EXIT_CODES, all_errors
from imgvet.exchange.options import ExportOptions
from imgvet.format import filled
from imgvet.images.isolation import DECODE_MEMORY, DECODE_PATIENCE, DECODE_SECONDS
from imgvet.images.picture import MAX_PIXELS
from imgvet.metrics import FLAGS, METRICS
from imgvet.monitor.options import NotifyOptions, WatchOptions
from imgvet.options import GROUPS
from imgvet.quality.checks import CHECKS
from imgvet.reasons import Reason
from imgvet.similarity.distances import DISTANCES
from imgvet.sources.archive import MOST_BYTES, MOST_MEMBERS, MOST_RATIO, RATIO_FROM
from imgvet.sources.listing import MOST_FILE_BYTES
from imgvet.sources.video import MOST_FRAMES
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
        input_limits=_input_limits(),
        errors=all_errors(),
        exit_codes=EXIT_CODES,
    )


def _input_limits() -> list[tuple[str, str, Reason]]:
    """What is read at most, and the reason of what is beyond."""
    return [
        ("pixels of an image, as its header tells", f"{MAX_PIXELS:,}", Reason.TOO_LARGE),
        ("bytes of an image", _size(MOST_FILE_BYTES), Reason.TOO_LARGE),
        ("frames of a video", f"{MOST_FRAMES:,}", Reason.TOO_LARGE),
        ("address space of the process that decodes", _size(DECODE_MEMORY), Reason.TOO_LARGE),
        (
            "processor time to decode an image, or to get to the next frame",
            f"{DECODE_SECONDS} s",
            Reason.DECODER_TIMEOUT,
        ),
        ("time of that, for a decoder that waits", f"{DECODE_PATIENCE} s", Reason.DECODER_TIMEOUT),
        (
            f"bytes that an archive unpacks to, beyond {_size(RATIO_FROM)}",
            f"{MOST_RATIO} times its own, {_size(MOST_BYTES)}",
            Reason.ARCHIVE_BOMB,
        ),
        ("members of an archive", f"{MOST_MEMBERS:,}", Reason.ARCHIVE_BOMB),
    ]


def _size(count: int) -> str:
    power = (count.bit_length() - 1) // 10
    return f"{count >> 10 * power} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


if __name__ == "__main__":
    print(reference(), end="")
