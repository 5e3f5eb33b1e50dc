"""List a zip archive, and read its members at any place of the file."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from imgvet.reasons import Failure, Reason
from imgvet.sources.archive_member import (
    ARCHIVE_ITSELF,
    Member,
    judged,
    row_without_name,
    shown_name,
)

_ENCRYPTED = 0x1
_UNIX = 3
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SLACK = 1024
"""Bytes read beyond a member's content, for a local header longer than the central one."""

_ZIP_ERRORS = (
    zipfile.BadZipFile, OSError, NotImplementedError, ValueError, OverflowError, struct.error,
    EOFError,
)  # fmt: skip


def walk_zip(path: Path, max_bytes: int) -> Iterator[Member]:
    """The members in order of the central directory, or one row if the archive is damaged.

    Args:
        path: the archive.
        max_bytes: greatest content of an image that is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            headers = archive.infolist()
    except _ZIP_ERRORS as error:
        yield _damage(error)
        return
    for header in headers:
        # ZipInfo.is_dir fails on an empty name.
        if not header.filename or not header.is_dir():
            yield _member(header, max_bytes)


def _member(header: zipfile.ZipInfo, max_bytes: int) -> Member:
    name = shown_name(header.filename)
    if not name:
        return row_without_name()
    member = Member(
        name,
        offset=header.header_offset,
        size=header.file_size,
        stored=header.compress_size,
        method=header.compress_type,
        crc=header.CRC,
    )
    if header.flag_bits & _ENCRYPTED:
        return member.failed(Reason.ENCRYPTED, "extract it with its password first")
    mode = header.external_attr >> 16
    if header.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        return member.failed(Reason.NOT_A_FILE, what)
    if header.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        detail = f"compressed in way {header.compress_type} of zip; 0 and 8 are read"
        return member.failed(Reason.UNSUPPORTED, detail)
    return judged(member, header.filename, max_bytes)


def _damage(error: Exception) -> Member:
    """The row of an archive whose directory, its last part, can't be read."""
    message = " ".join(str(error).split()) or type(error).__name__
    cut = isinstance(error, zipfile.BadZipFile) and message == "File is not a zip file"
    detail = "the zip ends before its directory" if cut else message
    return Member(ARCHIVE_ITSELF, status=Reason.ARCHIVE_DAMAGED, detail=detail[:300])


def read_zip_member(descriptor: int, member: Member) -> bytes | Failure:
    """The content of one member; may be called from several threads.

    Args:
        descriptor: the open archive.
        member: a member that is stored or deflated.
    """
    guess = _LOCAL_HEADER.size + len(member.name.encode()) + member.stored + _SLACK
    block = os.pread(descriptor, guess, member.offset)
    if len(block) < _LOCAL_HEADER.size or not block.startswith(b"PK\x03\x04"):
        return _damaged("no header where the zip's directory says")
    _, name_length, extra_length = _LOCAL_HEADER.unpack_from(block)
    start = _LOCAL_HEADER.size + name_length + extra_length
    if start + member.stored > guess:
        block, start = os.pread(descriptor, member.stored, member.offset + start), 0
    packed = memoryview(block)[start : start + member.stored]
    if len(packed) < member.stored:
        return _damaged("the archive ends before the member does")
    return _unpacked(packed, member)


def _unpacked(packed: memoryview, member: Member) -> bytes | Failure:
    if member.method == zipfile.ZIP_STORED:
        data = bytes(packed)
    else:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than stated would come out only if the directory lies.
            data = unpacker.decompress(packed, member.size + 1)
        except zlib.error as error:
            return _damaged(str(error))
    if len(data) != member.size:
        return _damaged(f"not the {member.size} bytes that are stated")
    if member.crc is not None and zlib.crc32(data) != member.crc:
        return _damaged("wrong checksum (CRC-32)")
    return data


def _damaged(detail: str) -> Failure:
    return Failure(Reason.ARCHIVE_DAMAGED, detail)
