"""Decoders in processes of their own: one that crashes or hangs costs its image, never the run.

Pairs of pictures are compared in them too, as Python's threads would wait for each other.

A worker does one thing at a time, within limits that the operating system holds, and one that ends
is replaced with the next image. Workers wait for work of any thread and end when there was none for
a while, or when the process that started them ends, however that happens. They are no sandbox: a
worker may do what its parent may.
"""

from __future__ import annotations

import atexit
import inspect
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar, cast

from PIL import Image

from imgvet.images.decode import decode
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason

DECODE_SECONDS, DECODE_PATIENCE = 60, 600
"""What one image, or the way to a video's next frame, may take: processor time, and time. The first
does not depend on what else the machine does; the second is for a decoder that waits."""

_FIRST_TO_GO = Path("/proc/self/oom_score_adj")
DECODE_MEMORY = 6 << 30
"""Bytes of address space of a worker, with the libraries in it."""

FLEETING = frozenset({Reason.DECODER_CRASHED, Reason.DECODER_TIMEOUT})
"""Reasons that are not kept in the store: another version, or a machine with more memory, may do
better, so that each run tries again."""

_IDLE = struct.pack("ll", 20, 0)
"""After so many seconds (and microseconds) without work a worker ends."""
_PROGRAM = "import sys; from imgvet.images.isolation import serve; serve(int(sys.argv[1]))"
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""There are as many workers as cores."""
_WAS_IDLE = 75
"""Exit status of a worker that ended for want of work."""
_TIME_IS_UP = (-signal.SIGPROF, -signal.SIGALRM)
_LOST = (EOFError, OSError)
"""What a connection raises whose other end is gone."""

Result = TypeVar("Result")


def decoded(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """What :func:`imgvet.images.decode.decode` gives, in a worker."""
    return isolated(partial(decode, data, full_size=full_size))


def isolated(function: Callable[..., Result], *inputs: object) -> Result | Failure:
    """What a function, importable by its name, returns in a worker, or how the worker ended.

    The reasons are decoder_crashed, decoder_timeout and too_large. An exception is raised here.
    """
    (result,) = _answers(function, inputs)
    return cast("Result | Failure", result)


def each_isolated(
    function: Callable[..., Iterator[Result]], *inputs: object
) -> Iterator[Result | Failure]:
    """What a generator yields in a worker, and at last how the worker ended, if it did."""
    return cast("Iterator[Result | Failure]", _answers(function, inputs))


def renew_limits() -> None:
    """Grant the full time again, as the decoder is getting on; nothing happens outside a worker."""
    for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
        full = signal.getitimer(timer)[1]
        signal.setitimer(timer, full, full)


def _set_limits(seconds: float, patience: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    signal.setitimer(signal.ITIMER_REAL, patience, patience)


class _Worker:
    """A process that computes what it is asked for, and the connection to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        import_paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self.connection = Connection(ours.detach())
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _IDLE)
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | _ONE_THREAD | {"PYTHONPATH": import_paths},
            )
        try:
            self.connection.recv()
        except _LOST:
            problem = f"a process that decodes ended as it began, with {self.end()}"
            raise ChildProcessError(problem) from None

    def end(self) -> int:
        """Make sure that it has ended; its exit status, or the signal's number below 0."""
        self.connection.close()
        self.process.kill()  # Nothing happens to one that has ended by itself.
        return self.process.wait()


@cache
def _idle_workers(process: int) -> deque[_Worker]:  # noqa: ARG001  # those of a fork are not ours
    """The workers of this process that wait for work."""
    idle: deque[_Worker] = deque()
    atexit.register(lambda: [worker.end() for worker in idle])
    return idle


def _worker_asked(request: tuple[object, ...]) -> _Worker:
    """A worker that is at work on a request."""
    idle = _idle_workers(os.getpid())
    while True:
        try:
            worker = idle.pop()
        except IndexError:
            worker = _Worker()
        try:
            worker.connection.send(request)
        except _LOST:
            worker.end()  # It had ended for want of work.
        else:
            return worker


def _answers(function: Callable[..., object], inputs: tuple[object, ...]) -> Iterator[object]:
    request = (function, inputs, (DECODE_SECONDS, DECODE_PATIENCE))
    worker, is_idle = _worker_asked(request), False
    try:
        while not is_idle:
            answers, error, is_idle = worker.connection.recv()
            if error is not None:
                raise error
            yield from answers
    except _LOST:
        if is_idle:
            raise  # The function's own.
        status = worker.process.wait()
        # In the moment in which it was asked, it may have ended for want of work.
        yield from _answers(function, inputs) if status == _WAS_IDLE else (_how_it_ended(status),)
    finally:
        if is_idle:
            _idle_workers(os.getpid()).append(worker)
        else:
            worker.end()


def _how_it_ended(status: int) -> Failure:
    if status in _TIME_IS_UP:
        limit = f"{DECODE_SECONDS} s of processor time, {DECODE_PATIENCE} s in all"
        return Failure(Reason.DECODER_TIMEOUT, f"not decoded within {limit}")
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    if status == -signal.SIGKILL:
        name += ", as where memory is short"
    return Failure(Reason.DECODER_CRASHED, f"the process that decoded it ended with {name}")


def serve(descriptor: int) -> None:
    """Be a worker of whoever holds the other end of a socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever is interrupted ends the workers, too.
    for kind, limit in ((resource.RLIMIT_AS, DECODE_MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        with suppress(ValueError, OSError):  # macOS holds nobody to a limit of address space.
            resource.setrlimit(kind, (limit if hard == -1 else min(limit, hard), hard))
    with suppress(OSError):  # Where memory is short, Linux ends this before the run.
        _FIRST_TO_GO.write_text("1000")
    Image.MAX_IMAGE_PIXELS = None  # decode has a limit of its own, the same for all formats
    connection = Connection(descriptor)
    connection.send(None)
    # What a library writes as it dies is for nobody: a row will say what happened.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    try:
        while True:
            for message in _messages(*connection.recv()):
                connection.send(message)
    except BlockingIOError:
        sys.exit(_WAS_IDLE)
    except _LOST:
        pass  # Nobody is there any more.


def _messages(
    function: Callable[..., object], inputs: tuple[object, ...], limits: tuple[float, float]
) -> Iterator[tuple[list[object], Exception | None, bool]]:
    """Answers, what was raised, if anything, and whether the message is the last one."""
    answers: list[object] = []
    error = None
    _set_limits(*limits)
    try:
        found = function(*inputs)
        if inspect.isgenerator(found):
            for answer in found:
                _set_limits(0, 0)  # Whoever takes the answer may take their time.
                yield [answer], None, False
                _set_limits(*limits)
        else:
            answers = [found]
    except MemoryError:
        detail = f"decoding it needs more than {DECODE_MEMORY >> 30} GiB of memory"
        answers = [Failure(Reason.TOO_LARGE, detail)]
    except Exception as raised:  # noqa: BLE001  # it is raised where the answer is asked for
        error = raised
    _set_limits(0, 0)
    yield answers, error, True
