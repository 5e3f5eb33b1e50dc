"""Which kind of archive some bytes are, from the content alone."""

from __future__ import annotations

from enum import StrEnum

HEAD_BYTES = 512
"""How many first bytes tell what an archive is: one block of a tar archive."""

_CHECKSUM = slice(148, 156)


class ArchiveFormat(StrEnum):
    """A kind of archive that content can be recognised as."""

    TAR = "tar"
    TAR_GZ = "gzipped tar"
    ZIP = "zip"


def identify_archive(head: bytes) -> ArchiveFormat | None:
    """The kind of archive, None if it is not one.

    What gzip holds is seen only when it is unpacked, so all of it counts as a gzipped tar.

    Args:
        head: the first :data:`HEAD_BYTES` bytes of the file, fewer if it is shorter.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ArchiveFormat.ZIP
    if head.startswith(b"\x1f\x8b\x08"):
        return ArchiveFormat.TAR_GZ
    return ArchiveFormat.TAR if _is_tar_block(head) else None


def _is_tar_block(head: bytes) -> bool:
    """Whether it is a header with the right checksum, or the zeros that an empty archive has.

    Source: POSIX.1-2017, pax, "ustar Interchange Format"; the checksum counts its own field as
    spaces.
    """
    if len(head) < HEAD_BYTES:
        return False
    block = head[:HEAD_BYTES]
    if not any(block):
        return True
    try:
        stated = int(block[_CHECKSUM].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    return stated == sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")
