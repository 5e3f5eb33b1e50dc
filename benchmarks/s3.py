"""How fast are objects listed, streamed and mirrored, and how much memory does it take?

    python benchmarks/s3.py
    python benchmarks/s3.py --objects 10000 --bytes 20000

Starts moto's S3 server on loopback as a process of its own, fills two buckets, one ten times the
other, and lists, streams and mirrors both, each in a new process whose peak memory is printed. The
server is a Python program and shares the machine's cores, so speeds are also given as shares of
what bare ``http.client`` threads get out of it in the same run.
"""

import argparse
import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

WORKERS = 32
STEPS = ("bare", "list", "stream", "sync", "sync again")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=20_000, help="of each object")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--bucket", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measure(options.step, options.bucket, options.folder, options.objects)))
    else:
        compare([options.objects // 10, options.objects], options.bytes)


def compare(sizes: list[int], size: int) -> None:
    """Measure every step for every number of objects."""
    from support.s3_server import environment, running_server

    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        settings = os.environ | environment(server.url)
        print(f"{'objects':>8} {'step':<12} {'objects/s':>10} {'of bare':>8} {'peak MB':>8}")
        for count in sizes:
            bucket = server.make_bucket(f"objects-{count}")
            fill(bucket.put, count, size)
            bare = 0.0
            for step in STEPS:
                found = in_new_process(step, bucket.name, Path(folder), count, settings)
                bare = found["rate"] if step == "bare" else bare
                share = found["rate"] / bare
                print(
                    f"{count:>8} {step:<12} {found['rate']:>10.0f} {share:>8.2f} "
                    f"{found['peak'] / 1e6:>8.0f}",
                    flush=True,
                )


def fill(put: Callable[[dict[str, bytes]], None], count: int, size: int) -> None:
    """Put objects of random content, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put({name: os.urandom(size)}), map(key_of, range(count))))


def key_of(number: int) -> str:
    """Key of one object."""
    return f"photos/{number // 1000:03}/{number:06}.jpg"


def in_new_process(
    step: str, bucket: str, folder: Path, count: int, settings: dict[str, str]
) -> dict[str, float]:
    """What one step gave in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--bucket", bucket]
    command += ["--folder", str(folder), "--objects", str(count)]
    answer = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)


def measure(step: str, bucket: str, folder: Path, count: int) -> dict[str, float]:
    """Do one step; its rate in objects per second and the peak memory in bytes."""
    from imgvet.sources.s3_client import client_for
    from imgvet.sources.s3_location import parse_location

    client_for(parse_location(f"s3://{bucket}"))
    started = time.perf_counter()
    done = bare(bucket, count) if step == "bare" else ours(step, bucket, folder)
    seconds = time.perf_counter() - started
    if done != count:
        raise SystemExit(f"{step}: {done} of {count} objects")
    return {
        "rate": count / seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def bare(bucket: str, count: int) -> int:
    """Read all objects with nothing but http.client."""
    host = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")

    def read(number: int) -> int:
        connection = http.client.HTTPConnection(host)
        # The server looks only whether a request is signed.
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20200101/us-east-1/s3/x"}
        connection.request("GET", f"/{bucket}/{key_of(number)}", headers=signed)
        answer = connection.getresponse()
        size = len(answer.read()) if answer.status == http.HTTPStatus.OK else 0
        connection.close()
        return size

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(1 for size in pool.map(read, range(count)) if size)


def ours(step: str, bucket: str, folder: Path) -> int:
    """List, stream or mirror; the number of objects."""
    from imgvet.media.picture import Failure
    from imgvet.sources.read_ahead import read_ahead
    from imgvet.sources.s3_listing import ObjectEntry, entries
    from imgvet.sources.s3_location import parse_location
    from imgvet.sources.s3_reading import fetch_object
    from imgvet.sources.s3_sync import SyncOptions, sync_to_local

    location = parse_location(f"s3://{bucket}/photos")
    if step.startswith("sync"):
        report = sync_to_local(location, "", folder, SyncOptions("run", workers=WORKERS))
        return report.downloaded if step == "sync" else report.skipped
    listed = entries(location, "")
    if step == "list":
        return sum(1 for _ in listed)

    def fetch(entry: ObjectEntry) -> bool:
        content = fetch_object(parse_location(entry.filename), entry.version)
        return not isinstance(content, Failure)

    return sum(read_ahead(listed, fetch, workers=WORKERS, size_of=lambda e: e.file_size))


if __name__ == "__main__":
    main()
