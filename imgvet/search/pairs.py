"""The lists of alike pairs, as the report, the explorer and notebooks show them."""

from __future__ import annotations

from functools import cache

import pandas as pd

from imgvet.search.image_table import COPIES, ImageTable
from imgvet.similarity.videos import videos_of

KINDS = {
    "across": "Near, across videos",
    "near": "Near duplicates",
    "exact": "Exact copies",
    "leaks": "Across splits",
    "conflicts": "Labels that differ",
    "all": "All pairs",
}
"""What pairs there are, and what a person calls them; ``across`` leaves out those of one video."""


class AlikePairs:
    """The pairs of a run by kind, most alike first; may be used from several threads.

    Of tables similarity and leaks; labels conflict in pairs at least ``joins`` similar.
    """

    def __init__(
        self, similarity: pd.DataFrame, leaks: pd.DataFrame, images: ImageTable, joins: float
    ) -> None:
        self._similarity, self._leaks = similarity, leaks
        self._images, self._joins = images, joins
        self.of = cache(self._of)

    def ends(self, pairs: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
        """A column of the image table, of the first and of the second image of pairs."""
        known = self._images.frame([name])[name]
        return pairs["from"].map(known), pairs["to"].map(known)

    def labelled(self, pairs: pd.DataFrame, labels: tuple[str, str]) -> pd.Series:
        """Which pairs have two labels, in either order."""
        first, second = self.ends(pairs, "label")
        one, other = labels
        return (first.eq(one) & second.eq(other)) | (first.eq(other) & second.eq(one))

    def _in_one_video(self, pairs: pd.DataFrame) -> pd.Series:
        """Which pairs are frames of one video, where those beside each other are alike."""
        video = videos_of(self._images.frame(["path", "member", "time_ms"]))
        return pairs["from"].map(video) == pairs["to"].map(video)

    def _of(self, kind: str) -> pd.DataFrame:
        """The pairs of a kind, with the columns of the table similarity."""
        order = ["similarity", "from", "to"]
        found = self._chosen(kind).sort_values(order, ascending=[False, True, True])
        return found.reset_index(drop=True)

    def _chosen(self, kind: str) -> pd.DataFrame:
        pairs = self._similarity
        if kind == "all":
            return pairs
        if kind == "leaks":
            more = pairs.drop(columns="similarity")
            return self._leaks.merge(more, "left", ["from", "to"])[pairs.columns]
        first, second = self.ends(pairs, "label" if kind == "conflicts" else "digest")
        if kind == "exact":
            copies, others = self.ends(pairs, COPIES)
            return pairs[(first == second) & copies.notna() & others.notna()]
        differ = pairs[first.notna() & second.notna() & (first != second)]
        if kind == "across":
            return differ[~self._in_one_video(differ)]
        return differ[differ["similarity"] >= self._joins] if kind == "conflicts" else differ
