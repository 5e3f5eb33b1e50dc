"""Names of files in one spelling, so that those of annotations and of a listing can be compared."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from imgvet.sources.kinds import Kind, kind_of_name
from imgvet.sources.s3 import is_remote, parse_location

_MEMBER_MARK = r"(?i)(\.tar|\.tar\.gz|\.tgz|\.zip)!"
_UNTIDY = r"(^|/)\.{1,2}(/|$)|[^:]//|^//"
_ABSOLUTE = r"^(/|[A-Za-z]:/|[A-Za-z0-9+]+://)"


def keys_of_files(filenames: Any) -> pa.ChunkedArray:
    """Listed names in the spelling in which they are compared.

    Unicode is normalised (NFC), ``a.tar!b.jpg`` becomes ``a.tar/b.jpg``, and ``.``, ``..`` and
    double slashes are resolved.

    Args:
        filenames: an Arrow array of text.
    """
    return _tidied(_without_member_marks(pc.utf8_normalize(filenames, form="NFC")))


def keys_of_annotations(filenames: Any) -> pa.ChunkedArray:
    """Names from annotations in that spelling; the backslashes of Windows become slashes."""
    slashes = pc.replace_substring(filenames, "\\", "/")
    keys = keys_of_files(slashes)
    # ../images/a.jpg is written in a folder beside images.
    return pc.replace_substring_regex(keys, r"^(\.\./)+", "")


def are_absolute(keys: Any) -> Any:
    """Which names say where the file is: ``/a``, ``C:/a``, ``s3://a``."""
    return pc.match_substring_regex(keys, _ABSOLUTE)


def roots_of(inputs: Iterable[str]) -> pa.Array:
    """Where relative names may start, as keys: folders, bucket prefixes and archives.

    Args:
        inputs: the inputs as the user wrote them. One of them may have gone since.
    """
    roots = [root for name in inputs if (root := _root_of(name)) is not None]
    return pc.unique(keys_of_files(pa.array(roots, pa.string())))


def _root_of(name: str) -> str | None:
    if is_remote(name):
        return parse_location(name).uri.rstrip("/")
    path = Path(name).expanduser().absolute()
    if kind_of_name(name) is Kind.ARCHIVE or path.is_dir():
        return str(path)
    return None


def _without_member_marks(names: Any) -> Any:
    if not pc.any(pc.match_substring(names, "!")).as_py():
        return names
    return pc.replace_substring_regex(names, _MEMBER_MARK, r"\1/")


def _tidied(names: Any) -> Any:
    untidy = pc.match_substring_regex(names, _UNTIDY)
    if not pc.any(untidy).as_py():
        return names
    tidy = [_tidy(name) for name in pc.filter(names, untidy).to_pylist()]
    return pc.replace_with_mask(names, untidy, pa.array(tidy, names.type))


def _tidy(name: str) -> str:
    scheme, mark, rest = name.rpartition("://") if re.match(_ABSOLUTE, name) else ("", "", name)
    return f"{scheme}{mark}{posixpath.normpath(rest)}"
