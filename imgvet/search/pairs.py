"""The lists of alike pairs, as the report, the explorer and notebooks show them."""

from __future__ import annotations

from functools import cache

import pandas as pd

from imgvet.search.image_table import COPIES, FRAME, ImageTable
from imgvet.similarity.videos import alike_as

KINDS = {
    "near": "Near duplicates",
    "within": "Alike within one video",
    "exact": "Exact copies",
    "leaks": "Across splits",
    "conflicts": "Labels that differ",
    "all": "All pairs",
}
"""What pairs there are, and what a person calls them."""


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
        if kind == "conflicts":
            first, second = self.ends(pairs, "label")
            differ = first.notna() & second.notna() & (first != second)
            return pairs[differ & (pairs["similarity"] >= self._joins)]
        pairs = pairs[alike_as(pairs, self._images.frame(FRAME)) == kind]
        if kind == "exact":
            copies, others = self.ends(pairs, COPIES)
            return pairs[copies.notna() & others.notna()]
        return pairs
