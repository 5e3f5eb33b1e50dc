"""What WebDataset's sidecars say about an image: ``7.jpg`` with ``7.cls``, ``7.json``, ``7.txt``.

Source: the WebDataset format, https://github.com/webdataset/webdataset: members of one sample have
the same name up to the first dot after the last slash. Names with dots of their own, such as
``a.b.jpg`` and ``a.b.json``, belong together as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from imgvet.reasons import Failure, Reason
from imgvet.sources.archive_member import MAX_SIDECAR_BYTES, Member, Role, role_of
from imgvet.sources.local import split_ending

ReadMember = Callable[[Member], bytes | Failure]
"""Reads the content of a member."""

LABEL_KEYS = ("label", "class")
"""Keys of a JSON sidecar that hold the label, the first one that is there counting."""

_SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_SPLIT_WORD = re.compile(rf"(?:^|[^a-z])({'|'.join(_SPLITS)})(?![a-z])")


@dataclass(frozen=True)
class Note:
    """What the sidecars of one sample say.

    Attributes:
        label: the label, None if none is told.
        metadata: what each sidecar holds, by its ending without the dot.
        problem: what could not be read.
    """

    label: str | None
    metadata: dict[str, object]
    problem: str = ""


def split_of_shard(name: str) -> str | None:
    """The split in an archive's name, such as ``train`` in ``imagenet-train-0001.tar``.

    Returns:
        train, val or test; the first word of the file's name (not of its folders) that is one.
    """
    found = _SPLIT_WORD.search(name.rpartition("/")[2].lower())
    return _SPLITS[found[1]] if found else None


def sample_keys(name: str) -> tuple[str, ...]:
    """Under which stems the sidecars of an image may stand: its own, then that of WebDataset."""
    folder, _, base = name.rpartition("/")
    short = f"{folder}/{base.split('.')[0]}" if folder else base.split(".")[0]
    exact = split_ending(name)[0]
    return (exact,) if exact == short else (exact, short)


def with_sidecars(
    images: Iterable[Member], sidecars: Iterable[Member], read: ReadMember
) -> list[Member]:
    """The images with the labels and metadata that their sidecars tell.

    Only sidecars that belong to an image and are at most :data:`MAX_SIDECAR_BYTES` are read.

    Args:
        images: members that are images.
        sidecars: members that may be sidecars.
        read: reads the content of a member.
    """
    by_stem: dict[str, list[Member]] = {}
    for sidecar in sidecars:
        if sidecar.status is Reason.OK and sidecar.size <= MAX_SIDECAR_BYTES:
            by_stem.setdefault(split_ending(sidecar.name)[0], []).append(sidecar)
    return [_with_note(image, by_stem, read) for image in images]


def _with_note(image: Member, by_stem: dict[str, list[Member]], read: ReadMember) -> Member:
    if image.status is not Reason.OK or role_of(image.name) is not Role.IMAGE:
        return image
    for key in sample_keys(image.name):
        if key in by_stem:
            note = _note_of(by_stem[key], read)
            metadata = json.dumps(note.metadata, sort_keys=True)
            detail = "; ".join(filter(None, [image.detail, note.problem]))
            return replace(image, label=note.label, metadata=metadata, detail=detail)
    return image


def _note_of(sidecars: Iterable[Member], read: ReadMember) -> Note:
    """What the sidecars of one sample say; the label of ``.cls`` goes before that of JSON."""
    metadata: dict[str, object] = {}
    problems = []
    for sidecar in sidecars:
        ending = split_ending(sidecar.name)[1][1:]
        content = read(sidecar)
        value = content if isinstance(content, Failure) else _parsed(content, ending)
        if isinstance(value, Failure):
            problems.append(f"{sidecar.name}: {value.detail}")
        else:
            metadata[ending] = value
    label = _label_in(metadata)
    # JSON may spell half a surrogate pair, which no table can hold.
    valid = label.encode("utf-8", "backslashreplace").decode() if label is not None else None
    return Note(valid, metadata, "; ".join(problems))


def _parsed(content: bytes, ending: str) -> object:
    """A sidecar's content: text, or what JSON says; a failure if it is not what its name says."""
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text) if ending == "json" else text.strip()
    except (ValueError, RecursionError) as error:
        return Failure(Reason.CORRUPT, str(error) or type(error).__name__)


def _label_in(metadata: dict[str, object]) -> str | None:
    if metadata.get("cls"):
        return str(metadata["cls"])
    told = metadata.get("json")
    if isinstance(told, dict):
        values = (told[key] for key in LABEL_KEYS if key in told)
        return next((str(value) for value in values if isinstance(value, (str, int))), None)
    return None
