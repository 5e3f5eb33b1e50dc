"""The tables of a run: their columns, types and meanings, and how they are read and written.

Every table is a Parquet file under ``tables/`` of the work dir. The same inputs and options give
the same bytes, so rows have a defined order and files hold no times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.metrics import METRICS
from imgvet.workdir import WorkDir


@dataclass(frozen=True)
class Column:
    """One column of a table; its meaning is for a person."""

    type: pa.DataType
    name: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: its name (the file's stem), what it holds, and its columns in order."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]


def _table(name: str, meaning: str, *columns: Column) -> Table:
    return Table(name, meaning, columns)


PandasType = TypeVar("PandasType", pd.DataFrame, pd.Series)
_text, _int, _real, _bool, _reals = (
    partial(Column, kind)
    for kind in (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.float64()))
)
_ID = _int("id", "the item's number, in the order of listing")
_SIMILARITY = _real("similarity", "1 is identical")
_PAIR = (_int("from", "id of the first image"), _int("to", "id of the second image"), _SIMILARITY)
_LABEL = _text("label", "the label, when one is known")
_SPLIT = _text("split", "train, test, ..., when one is known")
_COMPONENT_ID = _int("component_id", "the component; 0 is the largest")
_GROUP_ID = _int("group_id", "the group; 0 is the largest")

ITEMS = _table(
    "items",
    "one row per image, whether it could be analysed or not",
    _ID,
    _text("filename", "absolute path or URI; `#xywh=` names a crop"),
    _text("path", "the file that it is or lies in: absolute path or URI"),
    _text("member", "its name in the archive `path`; null outside of archives"),
    _int("time_ms", "time of a video's frame in milliseconds; null if it is none"),
    _reals(
        "box", "of a crop x, y, width, height or x1, y1, ..., x4, y4 in pixels; null if it is none"
    ),
    _text("source", "the input that the item was found through"),
    _text("status", "ok, or the reason why the item was left out"),
    _text("digest", "BLAKE2b-128 of the file's bytes or the crop's pixels; null if unread"),
    _int("file_size", "bytes; null if unknown, and of a crop"),
    _text("format", "format of the content, such as JPEG; null if unknown, and of a crop"),
    _text("detail", "what was unusual, or why it was left out; mostly empty"),
    _LABEL,
    _SPLIT,
    _text("metadata", "what files beside it (webdataset) or other columns tell, as JSON"),
    _int("embedding_row", "row of embeddings.npy; null if there is none"),
)

STATS = _table(
    "stats",
    "one row per valid image: its measures",
    _ID,
    *((_int if one.integer else _real)(one.name, one.meaning) for one in METRICS),
)

NEIGHBORS = _table(
    "neighbors",
    "nearest neighbours of each distinct valid content (intermediate; not under tables/)",
    _int("from", "id of the item whose neighbour it is"),
    _int("to", "id of the neighbour"),
    _SIMILARITY,
)

CONTENTS = _table(
    "contents",
    "one row per distinct valid content, row i being row i of the embeddings (intermediate)",
    _text("digest", "content digest"),
    _int("id", "the first item with it"),
    _int("copies", "how many items have it"),
)

SIMILARITY = _table(
    "similarity",
    "pairs of images at least `threshold` similar or proven by their pixels, best first; each pair "
    "once, from < to",
    *_PAIR,
    _text(
        "relation",
        "exact, or what the pixels say, the first that is true: rotated or flipped, cropped, "
        "recoloured, overlaid, resized, re-encoded; similar only if they prove nothing; null "
        "if they were not compared",
    ),
    _int(
        "verified",
        "patches of 144 that agree when one image is laid over the other; 0 if that proves "
        "nothing, null if they were not compared",
    ),
    _real("from_shown", "share of the first image that the second shows; null: unknown"),
    _real("to_shown", "share of the second image that the first shows; null: unknown"),
    _reals(
        "transform",
        "a to f: pixel x, y of the first image is a x + b y + c, d x + e y + f of the second",
    ),
    _bool("decided", "whether the two were decided to be no duplicates: they are not counted"),
)

LEAKS = _table(
    "leaks",
    "pairs of images in different splits at least `threshold` similar, or proven by their pixels, "
    "best first; each pair once, from < to",
    *_PAIR,
    _text("split", "the split of the first image"),
    _text("other_split", "the split of the second image"),
)

LABEL_ISSUES = _table(
    "label_issues",
    "one row per valid image with a label: issues first, then those whose label fits worst",
    _ID,
    _text("label", "its label"),
    _text("suggested_label", "the label that fits best; null if it could not be judged"),
    _real(
        "score", "0..1, how well its label fits beside the others; null if it could not be judged"
    ),
    _bool("is_issue", "whether its label is likely wrong, or a copy has another"),
    _bool("conflict", "whether an image of the same content has another label"),
    _bool("decided", "whether it would be an issue, had its label not been decided to be right"),
    _int(
        "nearest",
        "of an issue the id of the most similar image with the suggested label; null if there "
        "is none near",
    ),
)

OUTLIERS = _table(
    "outliers",
    "the outliers, worst first: the share `outlier_percentile` of images least like their nearest "
    "neighbour, and every image whose score is over 3.5",
    _ID,
    _int("nearest", "id of its nearest neighbour; null if it is like no other image"),
    _real("similarity", "similarity to its nearest neighbour; 0 if it has none"),
    _real("score", "scaled MADs below the median, of all or without copies; over 3.5 stands out"),
    _text("by", "why it is listed: by its share, by its score, or both"),
)

_GROUP_COLUMNS = (
    _int("count", "images in the component"),
    _real("mean_similarity", "mean over the pairs of its images"),
    _real("min_similarity", "least over the pairs of its images"),
    _real("max_similarity", "greatest over the pairs of its images"),
)

COMPONENTS = _table(
    "components",
    "one row per image that belongs to a component of two images or more",
    _ID,
    _COMPONENT_ID,
    *_GROUP_COLUMNS,
    _text("video", "the video that the frame is of; null if it is of none"),
)

COMPONENT_INFO = _table(
    "component_info",
    "one row per component, largest first",
    _COMPONENT_ID,
    *_GROUP_COLUMNS,
    _int("representative", "id of the image most like the others"),
    _int("chain_id", "what it was cut from with cc_min_similarity; null without; 0 is the largest"),
    _int("videos", "of how many videos its frames are; 0 if none of them is of one"),
)

VIDEO_PAIRS = _table(
    "video_pairs",
    "pairs of videos that share scenes, those first of which most runs along",
    _text("video", "the first video"),
    _text("other", "the second video"),
    _int("components", "scenes of both: components, and proven pairs of frames that are in none"),
    _int("frames", "frames of the first video that were analysed"),
    _int("shared_frames", "those of them in such a scene"),
    _int("other_frames", "frames of the second video that were analysed"),
    _int("other_shared_frames", "those of them in such a scene"),
    _real("share", "greater of the two shares of frames that are shared, 0..1"),
    _int("offset_ms", "how much later the second video shows the same; null if at no one time"),
    _int("aligned_frames", "frames that meet at this offset"),
    _real("overlap", "those as a share of the frames of the shorter video, 0..1"),
)

FROZEN_STRETCHES = _table(
    "frozen_stretches",
    "stretches of videos that stand still: three frames or more in a row that show the same",
    _text("video", "the video"),
    _int("id", "id of the first frame"),
    _int("start_ms", "time of the first frame"),
    _int("end_ms", "time of the last frame"),
    _int("frames", "frames of the stretch"),
)

GROUPS = _table(
    "groups",
    "one row per valid image: the group of similar content that it is in",
    _ID,
    _GROUP_ID,
    _real("similarity", "similarity to the group's representative"),
)

GROUP_INFO = _table(
    "group_info",
    "one row per group, largest first",
    _GROUP_ID,
    _int("count", "images in the group"),
    _real("mean_similarity", "mean similarity of its images to the representative"),
    _int("representative", "id of the image nearest to the group's centre"),
)

SPLIT_COVERAGE = _table(
    "split_coverage",
    "how alike the images of each split are to the nearest image of each other split",
    _text("split", "the split whose images are looked at"),
    _text("other_split", "the split in which the nearest image is looked for"),
    _int("looked_at", "distinct contents that were compared, evenly chosen"),
    _real("median_similarity", "half of them have an image at least so similar"),
    _real("low_similarity", "19 of 20 of them have an image at least so similar"),
)

BOX_COLUMNS = ("col_x", "row_y", "width", "height")
"""An upright box in pixels: left and upper edge, width and height."""

CORNER_COLUMNS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
"""The corners of a rotated box in pixels."""

CROPS = _table(
    "crops",
    "one row per crop: where it was cut, and what is known of it",
    _int("crop_id", "the crop's id in the other tables"),
    _int("source_id", "the number of the image it was cut from, in order of listing"),
    _text("filename", "absolute path or URI of that image"),
    _real("col_x", "left edge of its box in pixels; clipped to the image if it is valid"),
    _real("row_y", "upper edge"),
    _real("width", "width in pixels"),
    _real("height", "height in pixels"),
    *(_real(at, f"{at[0]} of corner {at[1]} of a rotated box") for at in CORNER_COLUMNS),
    _real("score", "how sure the detector is, 0..1; null if none was used"),
    _text("label", "class, if one is known"),
    _text("text", "the text that was read in it"),
)

INVALID = _table(
    "invalid",
    "one row per image that was left out",
    _ID,
    _text("filename", "absolute path or URI"),
    _text("reason", "the reason code"),
    _text("detail", "what the decoder or the file system said"),
)

PLAN = _table(
    "plan",
    "one row per image, archive or video that a rule speaks of; what has no row stays",
    _text("action", "keep, remove or review: the one column to change"),
    _text("list", "the rule that decided: exact, near, contained, whole_file, invalid, dark, ..."),
    _text("filename", "absolute path or URI"),
    _text("reason", "why, in words"),
    _text("kept", "the image that stays for it; its own name if others go for it"),
    _real("similarity", "similarity to that one"),
    _LABEL,
    _SPLIT,
    _int("width", "width in pixels"),
    _int("height", "height in pixels"),
    _int("file_size", "bytes"),
    _text("place", "file, archive, frame, crop or bucket: only files are moved"),
    _text("source", "the input that the image was found through"),
    _text("digest", "content digest that the file must still have"),
    _int("id", "the image's number in the tables of the run; null of whole archives and videos"),
)

ALARMS = _table(
    "alarms",
    "images that the alarms count that are on after a monitored run, worst first",
    _text("alarm", "name of the rate, or `drift:` and a metric or `embeddings`"),
    _ID,
    _real(
        "value",
        "what the image is judged by: a metric, or similarity to the baseline; null of others",
    ),
)

RESULT_TABLES: tuple[Table, ...] = (
    ITEMS, STATS, SIMILARITY, OUTLIERS, COMPONENTS, COMPONENT_INFO, INVALID,
)  # fmt: skip
"""The tables a finished run leaves under ``tables/``."""

OPTIONAL_TABLES: tuple[Table, ...] = (
    LEAKS, LABEL_ISSUES, GROUPS, GROUP_INFO, SPLIT_COVERAGE, VIDEO_PAIRS, FROZEN_STRETCHES, CROPS,
    ALARMS,
)  # fmt: skip
"""Tables that are there only if there are several splits or labels, something to group, videos, or
crops, or if the run was monitored."""

BY_NAME: Mapping[str, Table] = {
    table.name: table for table in (*RESULT_TABLES, *OPTIONAL_TABLES, CONTENTS, NEIGHBORS)
}


def conform(frame: pd.DataFrame, table: Table) -> pa.Table:
    """The frame as an Arrow table with exactly the table's columns, order and types.

    Columns that the frame lacks are null; columns that the table lacks are dropped.
    """
    # A missing column is one of NaN, which Arrow takes for numbers and texts, not for lists.
    lists = {field.name: object for field in table.schema if pa.types.is_list(field.type)}
    full = frame.reindex(columns=table.column_names).astype(lists)
    return pa.Table.from_pandas(full, schema=table.schema, preserve_index=False)


def empty(table: Table) -> pd.DataFrame:
    """A frame of the table's columns and types, without rows."""
    return to_frame(table.schema.empty_table())


def to_frame(data: pa.Table) -> pd.DataFrame:
    """The Arrow table as a pandas frame; integers with nulls become pandas' Int64."""
    frame = data.to_pandas(integer_object_nulls=False)
    for field, column in zip(data.schema, data.columns, strict=True):
        if pa.types.is_integer(field.type) and column.null_count:
            frame[field.name] = column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    return frame


def with_none(values: PandasType) -> PandasType:
    """A frame or a column with None for what is missing, whatever stood for it."""
    objects = values.astype(object)
    return objects.where(objects.notna(), None)


def write_table(data: pa.Table, path: Path) -> None:
    """Write an Arrow table as Parquet, without metadata of the writer's frame or of the time."""
    pq.write_table(data.replace_schema_metadata(None), path, compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table that :func:`write_table` wrote."""
    return to_frame(pq.read_table(path))


def read_made(work: WorkDir, table: Table) -> pd.DataFrame:
    """Read a table as it would be made now, whatever version wrote it; no rows if none was made."""
    path = work.table(table.name)
    return to_frame(conform(read_table(path), table)) if path.is_file() else empty(table)


def read_if_sound(
    path: Path, columns: list[str] | None = None, *, verify: bool = False
) -> pa.Table | None:
    """Read a Parquet file, None if its content is damaged, with ``verify`` by its checksums too.

    OSError if it is gone or can't be read now, which says nothing about its content.
    """
    try:
        return pq.read_table(
            path, columns=columns, use_threads=False, page_checksum_verification=verify
        )
    except pa.ArrowInvalid:
        return None
    except OSError as error:
        # Damage that Thrift or a codec finds is a plain OSError too, but none of the system's.
        if type(error) is OSError and error.errno is None:
            return None
        raise
