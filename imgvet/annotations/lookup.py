"""Find files by whole names or by the ends of names, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Places = NDArray[np.int64]
"""For each name the position of its file, :data:`NONE` or :data:`SEVERAL`; shape (n,)."""

NONE, SEVERAL = -1, -2


def find_whole(names: Any, files: Any) -> Places:
    """The place of each name among files of exactly this name.

    Args:
        names: an Arrow array of text.
        files: an Arrow array of text.
    """
    return _places(names, files, np.arange(len(files), dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Ends:
    """Files that are looked up by the ends of their names.

    Attributes:
        files: their names, an Arrow array of text.
        roots: folders from which a name counts more than from others, an Arrow array of text.
    """

    files: Any
    roots: Any

    def find(self, names: Any, least_parts: int = 1) -> Places:
        """The place of each relative name: below a root, else wherever one file's name ends so.

        Args:
            names: an Arrow array of text, without a slash at the beginning.
            least_parts: how many parts between slashes a name needs that is not below a root.
        """
        places = np.full(len(names), NONE, np.int64)
        parts = pc.count_substring(names, "/").to_numpy() + 1
        for count in np.unique(parts).tolist():
            chosen = np.flatnonzero(parts == count)
            wanted = names.take(pa.array(chosen))
            places[chosen] = self._find_parts(wanted, count, elsewhere=count >= least_parts)
        return places

    def near(self, names: Any) -> Ends:
        """Only the files whose last part is that of one of the names."""
        is_near = pc.is_in(_split(self.files, 1)[1], value_set=pc.unique(_split(names, 1)[1]))
        return Ends(pc.filter(self.files, is_near), self.roots)

    def _find_parts(self, names: Any, parts: int, *, elsewhere: bool) -> Places:
        heads, ends = _split(self.files, parts)
        below = np.flatnonzero(pc.is_in(heads, value_set=self.roots).to_numpy(zero_copy_only=False))
        places = _places(names, ends.take(pa.array(below)), below)
        if elsewhere:
            unknown = np.flatnonzero(places == NONE)
            whole = np.flatnonzero(pc.is_valid(ends).to_numpy(zero_copy_only=False))
            others = ends.take(pa.array(whole))
            places[unknown] = _places(names.take(pa.array(unknown)), others, whole)
        return places


def _split(names: Any, parts: int) -> tuple[Any, Any]:
    """The beginning of each name, and its last parts; null where there is no beginning."""
    split = pc.split_pattern(names, "/", max_splits=parts, reverse=True)
    is_longer = pc.equal(pc.list_value_length(split), parts + 1)
    null = pa.scalar(None, pa.string())
    ends = pc.if_else(is_longer, pc.binary_join(pc.list_slice(split, 1), "/"), null)
    return pc.if_else(is_longer, pc.list_element(split, 0), null), ends


def _places(names: Any, keys: Any, files: Places) -> Places:
    """The file of each name, where the key of a file equals it."""
    whole = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    encoded = pc.dictionary_encode(whole)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    distinct = encoded.dictionary
    found = pc.fill_null(pc.index_in(names, value_set=distinct), -1)
    codes_of_names = found.to_numpy(zero_copy_only=False)
    # One more for names that no key equals: their code -1 is the last.
    place = np.full(len(distinct) + 1, NONE, np.int64)
    place[codes] = files
    place[:-1][np.bincount(codes, minlength=len(distinct)) > 1] = SEVERAL
    return place[codes_of_names]
