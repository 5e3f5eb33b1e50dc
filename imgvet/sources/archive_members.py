"""What members of an archive are to us: images, what describes them, or rows with a reason.

Sidecars are those of WebDataset, https://github.com/webdataset/webdataset: ``7.cls``, ``7.json``
and ``7.txt`` of ``7.jpg``. Members of one sample have the same name up to the first dot after the
last slash; names with dots of their own, such as ``a.b.jpg`` and ``a.b.json``, belong together too.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from imgvet.reasons import Failure, Reason
from imgvet.sources.kinds import IMAGE_EXTENSIONS, is_archive_name, is_video_name, split_ending
from imgvet.sources.packed import FILE_ITSELF, Member

SIDECAR_ENDINGS = frozenset({".json", ".txt", ".cls"})
"""Endings of the members that say something about an image of the same stem."""

MAX_SIDECAR_BYTES = 64 * 1024
"""Greater sidecars are not read: a file about one image is small, one about all of them is not."""

LABEL_KEYS = ("label", "class")
"""Keys of a JSON sidecar that hold the label, the first one that is there counting."""

ReadMember = Callable[[Member], bytes | Failure]
"""Reads the content of a member."""

_SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_SPLIT_WORD = re.compile(rf"(?:^|[^a-z])({'|'.join(_SPLITS)})(?![a-z])")
_MIB, _GIB, _TIB = 1 << 20, 1 << 30, 1 << 40


class Role(StrEnum):
    """What a member is to us, by its name."""

    IMAGE = "image"
    SIDECAR = "sidecar"
    VIDEO = "video"
    ARCHIVE = "archive"
    OTHER = "other"


_NESTED = {Role.ARCHIVE: Reason.NESTED_ARCHIVE, Role.VIDEO: Reason.NESTED_VIDEO}


def role_of(name: str) -> Role:
    """What a member is to us; macOS' ``__MACOSX/`` holds no images, whatever its names say."""
    if name.startswith("__MACOSX/"):
        return Role.OTHER
    ending = split_ending(name)[1]
    if ending in IMAGE_EXTENSIONS:
        return Role.IMAGE
    if ending in SIDECAR_ENDINGS:
        return Role.SIDECAR
    if is_archive_name(name):
        return Role.ARCHIVE
    return Role.VIDEO if is_video_name(name) else Role.OTHER


def shown_name(name: str) -> str:
    """A member's name as valid UTF-8 (other bytes in hexadecimal), without a leading ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    return text


def archive_row(status: Reason, detail: str) -> Member:
    """The row that tells of a problem of the whole archive."""
    return Member(FILE_ITSELF, status=status, detail=detail[:300])


def row_without_name() -> Member:
    """The row of an archive with a member that has no name, so can't have a row of its own."""
    return archive_row(Reason.ARCHIVE_DAMAGED, "a member without a name")


def judged(member: Member, stated_name: str, max_bytes: int) -> Member:
    """The member with a reason if its name, role or size forbids reading it.

    Args:
        member: the member.
        stated_name: its name as the archive has it.
        max_bytes: greatest content that is read.
    """
    if stated_name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", stated_name):
        return member.failed(Reason.UNSAFE_NAME, "the path is absolute")
    if ".." in re.split(r"[/\\]", stated_name):
        return member.failed(Reason.UNSAFE_NAME, "the path leads out of the archive")
    nested = _NESTED.get(role_of(member.name))
    if nested is not None:
        return member.failed(nested, "extract it first")
    if member.size > max_bytes:
        detail = f"{member.size} bytes, at most {max_bytes} are read"
        return member.failed(Reason.TOO_LARGE, detail)
    return member


class ExtractLimits(BaseModel):
    """How much one archive may unpack to: what protects a run from archive bombs.

    An honest archive of images hardly shrinks them: JPEG, PNG and WebP are compressed already, and
    even uncompressed drawings seldom shrink to a hundredth. A bomb unpacks to a thousand times its
    size or more. All members count, those that are no images too, as they have to be unpacked to
    reach the next one. What was unpacked before a limit was reached is kept; the archive gets a
    row.

    Attributes:
        ratio: unpacked bytes for each byte of the archive.
        ratio_from: unpacked bytes from which the ratio counts, as a small archive does no harm.
        total: unpacked bytes of all members.
        member: unpacked bytes of one image, as it is read into memory.
        members: number of members of any kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratio: float = Field(100.0, gt=0)
    ratio_from: int = Field(256 * _MIB, ge=0)
    total: int = Field(_TIB, gt=0)
    member: int = Field(_GIB, gt=0)
    members: int = Field(10_000_000, gt=0)

    def problem(self, unpacked: int, packed: int, members: int = 0) -> str | None:
        """Which limit is passed when ``packed`` bytes of an archive gave so much."""
        if unpacked > self.total:
            return f"unpacks to more than {self.total} bytes"
        if unpacked > self.ratio_from and unpacked > self.ratio * packed:
            return f"unpacks to more than {self.ratio:g} times its size"
        return f"has more than {self.members} members" if members > self.members else None


def within_limits(
    members: Iterable[Member], packed: int, limits: ExtractLimits, *, counts_bytes: bool = True
) -> Iterator[Member]:
    """The members up to the one that passes a limit, and then the row of the archive.

    Args:
        members: all members, with the sizes that the archive states.
        packed: bytes of the archive.
        limits: what is allowed.
        counts_bytes: whether members are unpacked; those of a plain tar are read where they lie.
    """
    unpacked = 0
    for count, member in enumerate(members, 1):
        unpacked += member.size if counts_bytes else 0
        problem = limits.problem(unpacked, packed, count)
        if problem is not None:
            yield archive_row(Reason.ARCHIVE_BOMB, problem)
            return
        yield member


def settle(members: Iterable[Member], read: ReadMember) -> list[Member]:
    """What of an archive becomes items: images, and everything that should have been one.

    Of members with the same name the last counts, as when the archive is unpacked. Sidecars give
    their images label and metadata; only those that belong to an image and are at most
    :data:`MAX_SIDECAR_BYTES` are read.

    Args:
        members: all members, in order of the archive.
        read: reads the content of a member.
    """
    last: dict[str, Member] = {}
    occurrences: Counter[str] = Counter()
    for member in members:
        if role_of(member.name) is not Role.OTHER or not member.name:
            last[member.name] = member
            occurrences[member.name] += 1
    for name, count in occurrences.items():
        if count > 1 and last[name].status is Reason.OK:
            note = f"{count} members have this name; the last one counts"
            last[name] = replace(last[name], detail=note)
    sidecars: dict[str, list[Member]] = {}
    for member in last.values():
        if _is_readable_sidecar(member):
            sidecars.setdefault(split_ending(member.name)[0], []).append(member)
    kept = (member for member in last.values() if role_of(member.name) is not Role.SIDECAR)
    return [_described(member, sidecars, read) for member in kept]


def _is_readable_sidecar(member: Member) -> bool:
    small = member.status is Reason.OK and member.size <= MAX_SIDECAR_BYTES
    return small and role_of(member.name) is Role.SIDECAR


def is_kept(member: Member) -> bool:
    """Whether a member is needed: an image, a sidecar of one, or a row with a reason."""
    if not member.name or _is_readable_sidecar(member):
        return True
    return role_of(member.name) not in (Role.OTHER, Role.SIDECAR)


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
    return tuple(dict.fromkeys((split_ending(name)[0], short)))


def _described(image: Member, sidecars: dict[str, list[Member]], read: ReadMember) -> Member:
    """The image with what its sidecars say; the label of ``.cls`` goes before that of JSON."""
    key = next((key for key in sample_keys(image.name) if key in sidecars), None)
    if key is None or image.status is not Reason.OK or role_of(image.name) is not Role.IMAGE:
        return image
    metadata: dict[str, object] = {}
    problems = [image.detail] if image.detail else []
    for sidecar in sidecars[key]:
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
        metadata=json.dumps(metadata, sort_keys=True),
        detail="; ".join(problems),
    )


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
    values = [told[key] for key in LABEL_KEYS if key in told] if isinstance(told, dict) else []
    label = next((str(value) for value in values if isinstance(value, (str, int))), None)
    # JSON may spell half a surrogate pair, which no table can hold.
    return label.encode("utf-8", "backslashreplace").decode() if label is not None else None
