"""Stage find_label_issues: labels that what looks alike contradicts.

Each distinct content gets a probability of every label, out of sample: from the labels of its
nearest neighbours, nearer ones and rarer labels counting more, or as a person's own model says.
Byte-identical copies are one content, so none votes for another. Parts of a large set, drawn by
chance, are judged each by itself, so that time grows with their number. From which probability on
another label is more than a doubt is read off the images that have it: Northcutt, Jiang and Chuang,
Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 2021.

Labels of few contents, and labels that neighbours say hardly more often than by chance, get no
votes, and their images a score but no verdict. A label that neighbours of its own images say less
than half as often as they could is believed less, and one that hardly a voter has makes no issue:
else a rare label that is often wrong makes issues of many images of a common one. Copies of one
content that have different labels are in conflict in any case.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, vstack

from imgvet.options import NeighborOptions
from imgvet.similarity.distances import Reals, Rows, Vectors
from imgvet.similarity.neighbors import find_neighbors
from imgvet.summary import LabelStructure
from imgvet.tables import LABEL_ISSUES

VERSION = 7

LEAST_CONTENTS = 5
"""Labels of fewer distinct contents are not judged: too few could vote for them."""

LEAST_VOTES = 3
"""An image is no issue if fewer of its voters have the label that is likelier than its own."""

VOTERS = 25
MOST_TOGETHER = 100_000
"""Contents of a larger set are judged in parts of about so many."""
_DECAY = 4.0
"""The farthest voter counts exp(-4) of one that is no distance away."""
_BALANCE = 0.75
"""A label's votes are divided by this power of the number of its contents: with 0 rare labels are
outvoted, with 1 a single wrong one among common ones is believed."""

_LEAST_LIFT, _LEAST_SIGMAS = 0.1, 4.0
"""Neighbours tell a label if they say it so much oftener than by chance, of what is possible, and
so many standard deviations."""


@dataclass(frozen=True)
class _Labelled:
    """The n valid items with a label, of m distinct contents and c labels."""

    ids: Rows
    content: Rows
    """(n,), 0 to m - 1."""
    code: Rows
    """(n,), 0 to c - 1."""
    labels: pd.Index
    shares: csr_array
    """(m, c), the share of a content's copies that has the label: 1 unless they are in conflict."""

    @property
    def conflict(self) -> NDArray[np.bool_]:
        """(n,), whether a copy has another label."""
        return (np.diff(self.shares.indptr) > 1)[self.content]


def find_label_issues(
    items: pd.DataFrame,
    vectors: Vectors,
    search: NeighborOptions,
    threads: int,
    given: pd.DataFrame | None = None,
    right: Collection[str] = (),
) -> tuple[pd.DataFrame, LabelStructure]:
    """The table label_issues, and how well labels follow what is seen.

    Embeddings, float32 (n, width), are in order of ``embedding_row``; ``given`` probabilities have
    a row for each item and a column for each label, NaN where there are none. Labels of the
    contents ``right``, by digest, were decided to be right: they are no issues.
    """
    known = items[items["embedding_row"].notna() & items["label"].notna()]
    rows, content = np.unique(known["embedding_row"].to_numpy(np.int64), return_inverse=True)
    names = {*known["label"], *(() if given is None else given.columns)}
    labels = pd.Index(sorted(names), dtype=object)
    code = labels.get_indexer(pd.Index(known["label"], dtype=object))
    copies = csr_array((np.ones(len(known)), (content, code)), (len(rows), len(labels)))
    labelled = _Labelled(known["id"].to_numpy(np.int64), content, code, labels, _normalised(copies))
    voters, weights = _voters(vectors, rows, search, threads)
    said, chance, belief = _told(weights, labelled.shares)
    chances = _of_neighbors(weights, labelled.shares, belief)
    answered = np.zeros(len(known), np.bool_)
    judged = (belief > 0)[code] & (np.diff(chances.indptr) > 0)[content]
    if given is not None:
        chances, answered = _with_given(chances, labelled, given.loc[known.index])
        judged |= answered
    structure = LabelStructure(
        judged=int(judged.sum()),
        labels=known["label"].nunique(),
        rare_labels=int((_sizes(labelled.shares)[np.unique(code)] < LEAST_CONTENTS).sum()),
        agreement=round(said, 6),
        chance=round(chance, 6),
    )
    decided = known["digest"].isin(right).to_numpy() if right else np.zeros(len(known), np.bool_)
    return _table(labelled, chances, judged, answered, voters, decided), structure


def _voters(
    vectors: Vectors, rows: Rows, search: NeighborOptions, threads: int
) -> tuple[NDArray[np.int32], csr_array]:
    """The nearest others of each content, (m, k), -1 for nobody, and how much each counts.

    Contents are rows of the embeddings, (m,).
    """
    wide = search.model_copy(update={"nearest_neighbors_k": VOTERS})
    near, counts = np.full((len(rows), VOTERS), -1, np.int32), np.zeros((len(rows), VOTERS))
    for part in _parts(vectors, rows):
        found = find_neighbors(vectors[rows[part]], wide, threads)
        there = found.rows >= 0
        distances = np.where(there, found.distances, 0.0)
        farthest = np.maximum(distances.max(axis=1, initial=0.0, keepdims=True), 1e-9)
        places = (part[:, None], np.arange(there.shape[1]))
        near[places] = np.where(there, part[found.rows], -1)
        counts[places] = np.exp(-_DECAY * distances / farthest)
    there = near >= 0
    starts = np.append(0, np.cumsum(there.sum(axis=1)))
    return near, csr_array((counts[there], near[there], starts), (len(rows), len(rows)))


def _parts(vectors: Vectors, rows: Rows) -> list[Rows]:
    """The places in ``rows`` of each part, (p,) each, of embeddings, float32.

    Which part it is depends on the content and on how many parts there are, not on what else is in.
    """
    count = math.ceil(len(rows) / MOST_TOGETHER)
    part = np.fromiter((zlib.crc32(vectors[row]) % max(count, 1) for row in rows), np.int64)
    return [np.flatnonzero(part == number) for number in range(count)]


def _told(weights: csr_array, shares: csr_array) -> tuple[float, float, Reals]:
    """How often neighbours say the label, how often they would by chance, and each one's belief.

    Belief, 0 to 1, is 0 of a label that they don't tell, and 1 of one that they say of its images
    half as often as there are others to say it; of few images it counts less than of all.

    Of labels without regard to what is seen the mean of n votes varies as that of n times the
    effective number of voters, less as much again for contents being each other's voters.
    """
    sizes, votes = _sizes(shares), _normalised(weights)
    own = np.asarray((votes @ shares).multiply(shares).sum(axis=0), np.float64).ravel()
    said = own / np.maximum(sizes, 1e-9)
    chance = sizes / max(sizes.sum(), 1.0)
    voters = 1.0 / max(float(votes.power(2).sum(axis=1).mean()), 1e-9)
    sigma = np.sqrt(2 * chance * (1 - chance) / np.maximum(sizes * voters, 1e-9))
    lift = np.maximum(_LEAST_LIFT * (1 - chance), _LEAST_SIGMAS * sigma)
    told = (sizes >= LEAST_CONTENTS) & (said - chance >= lift)
    could = sizes * np.clip((sizes - 1) / voters, 0, 1)
    usual = own.sum() / max(could.sum(), 1e-9)
    belief = 2 * (own + LEAST_CONTENTS * usual) / (could + LEAST_CONTENTS)
    return float(said @ chance), float(chance @ chance), np.where(told, belief.clip(0, 1), 0.0)


def _of_neighbors(weights: csr_array, shares: csr_array, belief: Reals) -> csr_array:
    """The probability of each label of each content, (m, c), of what its neighbours tell."""
    counts = belief * np.maximum(_sizes(shares), 1.0) ** -_BALANCE
    chances = csr_array(weights @ shares @ diags_array(counts))
    chances.eliminate_zeros()
    return _normalised(chances)


def _with_given(
    chances: csr_array, labelled: _Labelled, given: pd.DataFrame
) -> tuple[csr_array, NDArray[np.bool_]]:
    """Given probabilities in place of those of neighbours, and which items have them."""
    own = given.reindex(columns=labelled.labels).set_axis(labelled.content)
    own = own[own.notna().any(axis=1)].fillna(0.0)
    own = own[~own.index.duplicated()]
    contents = own.index.to_numpy(np.int64)
    return (
        _replaced(chances, contents, csr_array(own.to_numpy(np.float64))),
        np.isin(labelled.content, contents),
    )


def _table(
    labelled: _Labelled,
    chances: csr_array,
    judged: NDArray[np.bool_],
    answered: NDArray[np.bool_],
    voters: NDArray[np.int32],
    right: NDArray[np.bool_],
) -> pd.DataFrame:
    """The table label_issues; what copies say of themselves counts as much as what others do."""
    content, code, conflict = labelled.content, labelled.code, labelled.conflict
    several = np.unique(content[conflict])
    both = csr_array(chances[several] + labelled.shares[several])
    chances = _replaced(chances, several, _normalised(both))
    fits = np.asarray(chances[content, code]).ravel()
    best, other, against = _alternatives(chances, content, code)
    is_issue = judged & (against > fits) & (against >= _limits(fits, code, judged, chances)[other])
    is_issue &= answered | _voted(labelled, voters, other, is_issue)
    decided = is_issue & right & ~conflict
    is_issue = np.where(conflict, against >= fits, is_issue & ~decided)
    suggested = np.where(is_issue, other, best)
    unknown = (against == fits) | (fits + against == 0)
    table = pd.DataFrame(
        {
            "id": labelled.ids,
            "label": labelled.labels[code],
            "suggested_label": pd.Series(labelled.labels[suggested]).mask(unknown),
            "score": pd.Series(np.round((fits - against + 1) / 2, 6)).where(fits + against > 0),
            "is_issue": is_issue,
            "conflict": conflict,
            "decided": decided,
            "nearest": _nearest(labelled, voters, suggested, is_issue),
        }
    )
    order = ["is_issue", "score", "id"]
    table = table.sort_values(order, ascending=[False, True, True], ignore_index=True)
    return table[LABEL_ISSUES.column_names]


def _limits(fits: Reals, code: Rows, judged: NDArray[np.bool_], chances: csr_array) -> Reals:
    """The mean probability of each label over the images that have it; none without them."""
    count = chances.shape[1]
    sizes = np.bincount(code[judged], minlength=count)
    sums = np.bincount(code[judged], fits[judged], minlength=count)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)


def _alternatives(chances: csr_array, content: Rows, code: Rows) -> tuple[Rows, Rows, Reals]:
    """Of each item the likeliest label, the likeliest but its own, and how likely that is."""
    count = chances.shape[0]
    labels, likely = np.zeros((2, count), np.int64), np.zeros((2, count))
    for start in range(0, count, MOST_TOGETHER):
        entries = chances[start : start + MOST_TOGETHER].tocoo()
        order = np.lexsort((entries.col, -entries.data, entries.row))
        row = entries.row[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        places = (rank[rank < 2], row[rank < 2] + start)
        labels[places] = entries.col[order][rank < 2]
        likely[places] = entries.data[order][rank < 2]
    is_own = (labels[0, content] == code).astype(np.int64)
    return labels[0, content], labels[is_own, content], likely[is_own, content]


def _first_with(labelled: _Labelled, contents: Rows, label: Rows) -> Rows:
    """The first item of each content, (k, w), with the label of its row, (k,); -1 for none."""
    kinds = len(labelled.labels)
    keys, first = np.unique(labelled.content * kinds + labelled.code, return_index=True)
    sought = contents * kinds + label[:, None]
    at = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    return np.where((contents >= 0) & (keys[at] == sought), labelled.ids[first[at]], -1)


def _voted(
    labelled: _Labelled, voters: NDArray[np.int32], label: Rows, wanted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether enough voters have this label of each item, of the items where it is wanted."""
    places, voted = np.flatnonzero(wanted), np.zeros(len(wanted), np.bool_)
    near = voters[labelled.content[places]].astype(np.int64)
    having = _first_with(labelled, near, label[places]) >= 0
    voted[places] = having.sum(axis=1) >= LEAST_VOTES
    return voted


def _nearest(
    labelled: _Labelled, voters: NDArray[np.int32], suggested: Rows, wanted: NDArray[np.bool_]
) -> pd.Series:
    """The nearest with the suggested label, a copy or a voter, of the items where it is wanted."""
    places = np.flatnonzero(wanted)
    own = labelled.content[places]
    near = _first_with(labelled, np.column_stack([own, voters[own]]), suggested[places])
    row, rank = np.nonzero(near >= 0)
    found = pd.Series(near[row, rank], places[row], dtype="Int64")
    return found[~found.index.duplicated()].reindex(range(len(wanted)))


def _sizes(shares: csr_array) -> Reals:
    """Of each label how many contents have it."""
    return np.asarray(shares.sum(axis=0), np.float64).ravel()


def _normalised(rows: csr_array) -> csr_array:
    """Rows divided by their sums; empty ones stay so."""
    sums = np.asarray(rows.sum(axis=1), np.float64).ravel()
    return csr_array(diags_array(1.0 / np.where(sums > 0, sums, 1.0)) @ rows)


def _replaced(rows: csr_array, places: Rows, others: csr_array) -> csr_array:
    """Some rows replaced by others."""
    order = np.arange(rows.shape[0])
    order[places] = rows.shape[0] + np.arange(len(places))
    return csr_array(vstack([rows, others], format="csr")[order])
