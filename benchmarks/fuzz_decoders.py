"""Look for bytes that break the way from a file to its measures, guided by the lines they reach.

    python -m pip install atheris
    python -m benchmarks.fuzz_decoders --seconds 600

It begins with the files of `benchmarks.seed_files`, and keeps in --corpus what reaches new lines of
imgvet's and Pillow's Python code, so that another time goes on from there. Native decoders are only
watched for crashes, hangs and memory. What is found ends it, and leaves the bytes in a file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

MOST_PIXELS = 1_000_000
"""Greater pictures are refused here: they would cost time and reach nothing new."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fuzz until the time is up; the exit status is not 0 if something was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=600, help="[600]")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance [1]")
    parser.add_argument(
        "--corpus", type=Path, default=Path(".bench/corpus"), help="[.bench/corpus]"
    )
    options = parser.parse_args(arguments)
    import atheris

    with atheris.instrument_imports(include=["imgvet", "PIL"]):
        from imgvet.images import picture
        from imgvet.images.measure import measured_content
        from imgvet.reasons import Reason

    from benchmarks.seed_files import image_seeds

    options.corpus.mkdir(parents=True, exist_ok=True)
    for name, data in image_seeds().items():
        (options.corpus / name.replace(":", ".")).write_bytes(data)
    picture.MAX_PIXELS = MOST_PIXELS

    def measure(data: bytes) -> None:
        found = measured_content(data)
        status = Reason(found.row["status"])
        if bool(found.thumbnail) != (status is Reason.OK):
            raise AssertionError(f"{status} with a thumbnail of {len(found.thumbnail)} bytes")

    limits = ["-timeout=60", "-rss_limit_mb=4096", "-max_len=70000"]
    length = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *length, str(options.corpus)], measure)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
