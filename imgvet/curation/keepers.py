"""Which image of a group stays: an order of criteria, each with the words that say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.curation.images import in_folder
from imgvet.tables import FILE

_LOSSLESS = ("PNG", "BMP", "TIFF")


def _pixels(images: pd.DataFrame) -> pd.Series:
    return images["width"].astype("float64") * images["height"].astype("float64")


def _compression(images: pd.DataFrame) -> pd.Series:
    """Bytes per pixel, in powers of two as less says little; lossless is most."""
    density = images["file_size"].astype("float64") / _pixels(images)
    steps = pd.Series(np.log2(density.where(density > 0)), density.index).round()
    return steps.mask(images["format"].isin(_LOSSLESS), np.inf)


def _sharpness(images: pd.DataFrame) -> pd.Series:
    return images["sharpness"].astype("float64").mul(20).round()  # steps of 0.05


def _age(images: pd.DataFrame) -> pd.Series:
    """How old each file is on this disk; nothing is known of what is no file."""

    def changed(path: str) -> float:
        try:
            return -float(Path(path).stat().st_mtime_ns)
        except OSError:
            return -np.inf

    return images["path"].where(images["place"] == FILE).map(changed, na_action="ignore")


def _known(images: pd.DataFrame) -> pd.Series:
    return images[["label", "split"]].notna().sum(axis=1)


_VALUES: Mapping[str, tuple[Callable[[pd.DataFrame], pd.Series], str]] = {
    "labelled": (_known, "more is known of it (label, split)"),
    "largest": (_pixels, "it has the most pixels"),
    "sharpest": (_sharpness, "it is the sharpest"),
    "least_compressed": (_compression, "it is the least compressed"),
    "oldest": (_age, "it is the oldest"),
}
_MAJORITY = "majority_label"


class Keepers:
    """Ranks images, best first, by the criteria of a plan, after two that no rule changes.

    What is protected stays; and a file stays before what lies in an archive or a bucket, because a
    file can be looked at again before others go.
    """

    def __init__(self, images: pd.DataFrame, keep: Sequence[str], untouched: pd.Series) -> None:
        """``untouched`` says of each image, by id, whether it is protected."""
        columns = [untouched.reindex(images.index), images["place"] == FILE]
        self._words = ["it is protected", "it is a file of its own"]
        for word in keep:
            values, words = _criterion(word, images)
            columns.append(values)
            self._words.append(words)
        self._majority = 2 + keep.index(_MAJORITY) if _MAJORITY in keep else None
        self._ranks = np.column_stack(
            [column.to_numpy(np.float64, na_value=-np.inf) for column in columns]
        )
        self._rows = {item: row for row, item in enumerate(images.index.tolist())}
        self._labels = images["label"]

    def ranked(self, group: Sequence[int], tie: str) -> tuple[list[int], str]:
        """The ids of a group of two or more, best first, and why the first one stays.

        If nothing else differs the given order counts, of which ``tie`` says why.
        """
        ranks = self._ranks[[self._rows[item] for item in group]]
        if self._majority is not None:
            labels = self._labels.loc[list(group)]
            ranks[:, self._majority] = labels.map(labels.value_counts()).fillna(0)
        order = np.lexsort(-ranks.T[::-1])
        differing = np.flatnonzero(ranks[order[0]] != ranks[order[1]])
        why = self._words[differing[0]] if len(differing) else tie
        return [group[place] for place in order], why


def _criterion(word: str, images: pd.DataFrame) -> tuple[pd.Series, str]:
    """The values by which a criterion ranks, the greatest first, and what it says of that one."""
    if word in _VALUES:
        values, words = _VALUES[word]
        return values(images), words
    kind, _, name = word.partition(":")
    if kind == "folder":
        return in_folder(images["path"], name), f"it lies in {name}"
    if kind == "split":
        return images["split"] == name, f"it is in split {name}"
    return pd.Series(0.0, images.index), "it has the label of most"
