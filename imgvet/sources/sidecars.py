"""What of an archive becomes items: its images, with what files beside them tell.

Sidecars are those of WebDataset, https://github.com/webdataset/webdataset: ``7.cls``, ``7.json``
and ``7.txt`` of ``7.jpg``. Members of one sample have the same name up to the first dot after the
last slash; names with dots of their own, such as ``a.b.jpg`` and ``a.b.json``, belong together too.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from imgvet.format import storable
from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import FILE_ITSELF, Member
from imgvet.sources.kinds import is_item_name, split_ending

SIDECAR_ENDINGS = frozenset({".json", ".txt", ".cls"})
MAX_SIDECAR_BYTES = 64 * 1024
"""Greater sidecars are not read: a file about one image is small, one about all of them is not."""

ReadMember = Callable[[Member], bytes | Failure]

_SPLIT_WORD = re.compile("(?:^|[^a-z])(?:(train|test)(?:ing)?|(val)(?:id|idation)?)(?![a-z])")


def split_of_shard(name: str) -> str | None:
    """The split in an archive's name, such as ``train`` in ``imagenet-train-0001.tar``.

    It is train, val or test: the first word of the file's name (not of its folders) that is one.
    """
    found = _SPLIT_WORD.search(name.rpartition("/")[2].lower())
    return found[1] or found[2] if found else None


def _is_sidecar(member: Member) -> bool:
    small = member.status is Reason.OK and member.size <= MAX_SIDECAR_BYTES
    return small and split_ending(member.name)[1] in SIDECAR_ENDINGS


def is_kept(member: Member) -> bool:
    """Whether a member is needed: an image, what should have been one, a sidecar, the archive."""
    if member.name.startswith("__MACOSX/"):  # What macOS adds is no image, whatever its name says.
        return False
    return member.name == FILE_ITSELF or is_item_name(member.name) or _is_sidecar(member)


def settle(members: Iterable[Member], read: ReadMember) -> list[Member]:
    """The images, and everything that should have been one.

    Of members with the same name the last counts, as when the archive is unpacked; a hard link is
    the file that it stands for. Sidecars give their images label and metadata; only those that
    belong to an image are read.
    """
    kept = [member for member in members if is_kept(member)]
    counts = Counter(member.name for member in kept)
    last = {member.name: member for member in kept}
    sidecars: defaultdict[str, list[Member]] = defaultdict(list)
    for name, member in last.items():
        target = last.get(member.link or "")
        if target is not None and target.status is Reason.OK:
            last[name] = replace(target, name=name)
    for member in last.values():
        if _is_sidecar(member):
            sidecars[split_ending(member.name)[0]].append(member)
    settled = []
    for member in last.values():
        if member.status is not Reason.OK:
            settled.append(member)
        elif not _is_sidecar(member):
            count = counts[member.name]
            problems = [f"{count} members have this name; the last one counts"] if count > 1 else []
            found = (sidecars[key] for key in sample_keys(member.name) if key in sidecars)
            settled.append(_described(member, next(found, []), problems, read))
    return settled


def sample_keys(name: str) -> tuple[str, ...]:
    """Under which stems the sidecars of an image may stand: its own, then that of WebDataset."""
    folder, slash, base = name.rpartition("/")
    return tuple(dict.fromkeys((split_ending(name)[0], folder + slash + base.split(".")[0])))


def _described(
    image: Member, sidecars: Sequence[Member], problems: list[str], read: ReadMember
) -> Member:
    """The image with what its sidecars say; the label of ``.cls`` goes before that of JSON."""
    metadata: dict[str, object] = {}
    for sidecar in sidecars:
        ending = split_ending(sidecar.name)[1][1:]
        content = read(sidecar)
        value = content if isinstance(content, Failure) else _parsed(content, ending)
        if isinstance(value, Failure):
            problems.append(f"{sidecar.name}: {value.detail}")
        else:
            metadata[ending] = value
    return replace(
        image,
        label=_label_in(metadata),
        metadata=json.dumps(metadata, sort_keys=True) if sidecars else None,
        detail="; ".join(problems),
    )


def _parsed(content: bytes, ending: str) -> object:
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text) if ending == "json" else text.strip()
    except (ValueError, RecursionError) as error:
        return Failure(Reason.CORRUPT, str(error) or type(error).__name__)


def _label_in(metadata: dict[str, object]) -> str | None:
    if metadata.get("cls"):
        return str(metadata["cls"])
    stated = metadata.get("json")
    told = stated if isinstance(stated, dict) else {}
    values = [told[key] for key in ("label", "class") if key in told]
    label = next((str(value) for value in values if isinstance(value, (str, int))), None)
    return None if label is None else storable(label)
