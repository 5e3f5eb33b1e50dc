"""Which image of a group stays: an order of criteria, each with the words that say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.curation.images import FILE, in_folder
from imgvet.images.formats import LOSSLESS
from imgvet.search.copies import NAME_REASONS, name_rank


def _pixels(images: pd.DataFrame) -> pd.Series:
    return images["width"].astype("float64") * images["height"].astype("float64")


def _compression(images: pd.DataFrame) -> pd.Series:
    """Bytes per pixel, in powers of two as less says little; lossless is most."""
    density = images["file_size"].astype("float64") / _pixels(images)
    steps = pd.Series(np.log2(density.where(density > 0)), density.index).round()
    return steps.mask(images["format"].isin(LOSSLESS), np.inf)


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


def _agreeing(images: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """How many copies and near duplicates of each image, itself included, have its label."""
    copies = images.groupby(["digest", "label"])["digest"].transform("size")
    label, digest = ({end: pairs[end].map(images[name]) for end in ("from", "to")}
                     for name in ("label", "digest"))  # fmt: skip
    same = (label["from"] == label["to"]) & (digest["from"] != digest["to"])
    named = pd.concat([pairs["from"][same], pairs["to"][same]]).value_counts()
    return copies.fillna(0) + named.reindex(images.index, fill_value=0)


_VALUES: Mapping[str, tuple[Callable[[pd.DataFrame], pd.Series], str]] = {
    "labelled": (_known, "more is known of it (label, split)"),
    "largest": (_pixels, "it has the most pixels"),
    "sharpest": (_sharpness, "it is the sharpest"),
    "least_compressed": (_compression, "it is the least compressed"),
    "oldest": (_age, "it is the oldest"),
    "majority_label": (lambda images: images["agreeing"], "more that are like it have its label"),
}


class Keepers:
    """Ranks images, best first, by the criteria of a plan, after two that no rule changes.

    What is protected stays; and a file stays before what lies in an archive or a bucket, because a
    file can be looked at again before others go. If nothing else differs, what is known of an image
    and then its name decide. Frames rank as their video does, so that of two copies of a film one
    stays as a whole.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        keep: Sequence[str],
        untouched: pd.Series,
        pairs: pd.DataFrame,
    ) -> None:
        """``untouched`` says of each image, by id, whether it is protected; pairs are alike."""
        images = images.assign(agreeing=_agreeing(images, pairs))
        criteria = [
            (untouched.reindex(images.index), "it is protected"),
            (images["place"] == FILE, "it is a file of its own"),
            *(_criterion(word, images) for word in dict.fromkeys((*keep, "labelled"))),
        ]
        self._words = (*(words for _, words in criteria), *NAME_REASONS, "it is listed first")
        self._values = np.column_stack(
            [
                _of_all_frames(values.astype("Float64"), images["video"]).to_numpy(
                    np.float64, na_value=-np.inf
                )
                for values, _ in criteria
            ]
        )
        names = images["video"].fillna(images["filename"]).tolist()
        named = zip(images.index.tolist(), names, strict=True)
        self._rows = {item: (row, name) for row, (item, name) in enumerate(named)}
        self.rank = cache(self._rank)
        """Of several images, by id, the one stays of which this is least."""

    def _rank(self, item: int) -> tuple[object, ...]:
        row, name = self._rows[item]
        return (*(-self._values[row]).tolist(), *name_rank(name), item)

    def why(self, item: int, other: int) -> str:
        """Why an image stays rather than another one."""
        ranks = zip(self.rank(item), self.rank(other), self._words, strict=True)
        return next(words for one, another, words in ranks if one != another)


def _of_all_frames(values: pd.Series, videos: pd.Series) -> pd.Series:
    """The values of images; of a frame the median of those of its video."""
    return values.mask(videos.notna(), values.groupby(videos).transform("median"))


def _criterion(word: str, images: pd.DataFrame) -> tuple[pd.Series, str]:
    """The values by which a criterion ranks, the greatest first, and what it says of that one."""
    if word in _VALUES:
        values, words = _VALUES[word]
        return values(images), words
    kind, _, name = word.partition(":")
    if kind == "folder":
        return in_folder(images["path"], name), f"it lies in {name}"
    return images["split"] == name, f"it is in split {name}"
