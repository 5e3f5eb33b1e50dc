"""What a photo costs: processor time of each step from its bytes to its embedding.

Processor time of all threads and processes, which other programs disturb less than the time on the
clock; the least of some rounds. What the stages take beyond their steps is reading files, writing
packs, threads, Python, and what passes between the run and the processes that decode.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import psutil

from benchmarks.pictures import picture_set
from benchmarks.rows import Row, only
from benchmarks.settings import Settings
from benchmarks.stages import measure_and_embed
from imgvet.images.decode import decode
from imgvet.images.measure import measure
from imgvet.images.orientation_hash import orientation_hash
from imgvet.images.picture import Picture, decode_thumbnail, encode_thumbnail, to_standard_size
from imgvet.models.model import Model, builtin_model
from imgvet.models.prepare import prepared
from imgvet.models.session import CPU_BATCH, open_runner
from imgvet.store.references import digest_bytes

COUNT, QUICK_COUNT, ROUNDS = 96, 16, 5
_NETWORK = f"network, {CPU_BATCH} at once"
_EMBEDDING = ("thumbnail decoded", "input of the model", _NETWORK)


def picture_cost(settings: Settings) -> list[Row]:
    """Milliseconds of processor time of each step, and of the stages as a whole."""
    folder, model = picture_set(settings, settings.size(1000, 20)), builtin_model()
    files = sorted(folder.rglob("*.jpg"))[: settings.size(COUNT, QUICK_COUNT)]
    spent = _steps([path.read_bytes() for path in files], model)

    def stages() -> None:
        with settings.scratch() as scratch:
            measure_and_embed(files, scratch / "work", model)

    stages()  # starts the processes that decode
    whole, own = (each / len(files) * 1000 for each in _least_of_all_processes(stages))
    steps = sum(spent.values())
    embedding = sum(spent[name] for name in _EMBEDDING)
    spent |= {
        "files, packs, threads, processes": whole - steps,
        "both stages": whole,
        "measuring": whole - embedding,
        "of it in the run's own process": own - embedding,
    }
    return [only(f"a photo: {name}", cost, " ms") for name, cost in spent.items()]


def _steps(contents: list[bytes], model: Model) -> dict[str, float]:
    decoded = [picture for picture in map(decode, contents) if isinstance(picture, Picture)]
    small = [to_standard_size(picture.pixels) for picture in decoded]
    gray = [np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8) for pixels in small]
    thumbnails = [encode_thumbnail(pixels) for pixels in small]
    parts = [
        prepared(small[start : start + CPU_BATCH], model.card)
        for start in range(0, len(small), CPU_BATCH)
    ]
    network = open_runner(model)
    steps: dict[str, Callable[[], object]] = {
        "digest": lambda: [digest_bytes(content) for content in contents],
        "decode": lambda: [decode(content) for content in contents],
        "standard size": lambda: [to_standard_size(picture.pixels) for picture in decoded],
        "gray": lambda: [cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in small],
        "metrics": lambda: [measure(*pair, 1) for pair in zip(decoded, gray, strict=True)],
        "orientation hash": lambda: [orientation_hash(pixels) for pixels in gray],
        "thumbnail": lambda: [encode_thumbnail(pixels) for pixels in small],
        "thumbnail decoded": lambda: [decode_thumbnail(jpeg) for jpeg in thumbnails],
        "input of the model": lambda: prepared(small, model.card),
        _NETWORK: lambda: [network.run(part, model.card.output) for part in parts],
    }
    return {name: _least(step) / len(contents) * 1000 for name, step in steps.items()}


def _least_of_all_processes(step: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of this process and those that decode, and of this one alone."""
    own = psutil.Process()

    def spent() -> tuple[float, float]:
        both = [sum(each.cpu_times()[:2]) for each in (own, *own.children())]
        return sum(both), both[0]

    rounds = []
    for _ in range(ROUNDS):
        before = spent()
        step()
        rounds.append(tuple(now - then for now, then in zip(spent(), before, strict=True)))
    whole, of_this = min(rounds)
    return whole, of_this


def _least(step: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    return min(seconds)
