"""The tables of a run: their columns, types and meanings, and how they are read and written.

Every table is a Parquet file under ``tables/`` of the work dir. The same inputs and options give
the same bytes, so rows have a defined order and files hold no times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.metrics import METRICS


@dataclass(frozen=True)
class Column:
    """One column of a table; its meaning is for a person."""

    name: str
    type: pa.DataType
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


_ID = Column("id", pa.int64(), "the item's number, in the order of listing")
_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()

ITEMS = Table(
    "items",
    "one row per image, whether it could be analysed or not",
    (
        _ID,
        Column("filename", _TEXT, "absolute path or URI; `#xywh=` names a crop"),
        Column("path", _TEXT, "the file that it is or lies in: absolute path or URI"),
        Column("member", _TEXT, "its name in the archive `path`; null outside of archives"),
        Column("time_ms", _INT, "time of a video's frame in milliseconds; null if it is none"),
        Column(
            "box",
            pa.list_(pa.float64()),
            "of a crop x, y, width, height or x1, y1, ..., x4, y4 in pixels; null if it is none",
        ),
        Column("source", _TEXT, "the input that the item was found through"),
        Column("status", _TEXT, "ok, or the reason why the item was left out"),
        Column(
            "digest", _TEXT, "BLAKE2b-128 of the file's bytes or the crop's pixels; null if unread"
        ),
        Column("file_size", _INT, "bytes; null if unknown, and of a crop"),
        Column(
            "format", _TEXT, "format of the content, such as JPEG; null if unknown, and of a crop"
        ),
        Column("detail", _TEXT, "what was unusual, or why it was left out; mostly empty"),
        Column("label", _TEXT, "the label, when one is known"),
        Column("split", _TEXT, "train, test, ..., when one is known"),
        Column("metadata", _TEXT, "what files beside it in a webdataset shard tell, as JSON"),
        Column("embedding_row", _INT, "row of embeddings.npy; null if there is none"),
    ),
)

STATS = Table(
    "stats",
    "one row per valid image: its measures",
    (_ID, *(Column(one.name, _INT if one.integer else _REAL, one.meaning) for one in METRICS)),
)

_PAIR_SIMILARITY = Column("similarity", _REAL, "1 is identical")

NEIGHBORS = Table(
    "neighbors",
    "nearest neighbours of each distinct valid content (intermediate; not under tables/)",
    (
        Column("from", _INT, "id of the item whose neighbour it is"),
        Column("to", _INT, "id of the neighbour"),
        _PAIR_SIMILARITY,
    ),
)

CONTENTS = Table(
    "contents",
    "one row per distinct valid content, row i being row i of the embeddings (intermediate)",
    (
        Column("digest", _TEXT, "content digest"),
        Column("id", _INT, "the first item with it"),
        Column("copies", _INT, "how many items have it"),
    ),
)

SIMILARITY = Table(
    "similarity",
    "pairs of images at least `threshold` similar or proven by their pixels, best first; each pair "
    "once, from < to",
    (
        Column("from", _INT, "id of the first image"),
        Column("to", _INT, "id of the second image"),
        _PAIR_SIMILARITY,
        Column(
            "relation",
            _TEXT,
            "exact, or what the pixels say, the first that is true: rotated or flipped, cropped, "
            "recoloured, overlaid, resized, re-encoded; similar only if they prove nothing; null "
            "if they were not compared",
        ),
        Column(
            "verified",
            _INT,
            "patches of 144 that agree when one image is laid over the other; 0 if that proves "
            "nothing, null if they were not compared",
        ),
        Column(
            "from_shown", _REAL, "share of the first image that the second shows; null: unknown"
        ),
        Column("to_shown", _REAL, "share of the second image that the first shows; null: unknown"),
        Column(
            "transform",
            pa.list_(pa.float64()),
            "a to f: pixel x, y of the first image is a x + b y + c, d x + e y + f of the second",
        ),
    ),
)

LEAKS = Table(
    "leaks",
    "pairs of images in different splits at least `threshold` similar, or proven by their pixels, "
    "best first; each pair once, from < to",
    (
        Column("from", _INT, "id of the first image"),
        Column("to", _INT, "id of the second image"),
        _PAIR_SIMILARITY,
        Column("split", _TEXT, "the split of the first image"),
        Column("other_split", _TEXT, "the split of the second image"),
    ),
)

LABEL_ISSUES = Table(
    "label_issues",
    "one row per valid image with a label: issues first, then those whose label fits worst",
    (
        _ID,
        Column("label", _TEXT, "its label"),
        Column(
            "suggested_label", _TEXT, "the label that fits best; null if it could not be judged"
        ),
        Column(
            "score",
            _REAL,
            "0..1, how well its label fits beside the others; null if it could not be judged",
        ),
        Column("is_issue", pa.bool_(), "whether its label is likely wrong, or a copy has another"),
        Column("conflict", pa.bool_(), "whether an image of the same content has another label"),
        Column(
            "nearest",
            _INT,
            "of an issue the id of the most similar image with the suggested label; null if there "
            "is none near",
        ),
    ),
)

OUTLIERS = Table(
    "outliers",
    "the outliers, worst first: the share `outlier_percentile` of images least like their nearest "
    "neighbour, and every image whose score is over 3.5",
    (
        _ID,
        Column("nearest", _INT, "id of its nearest neighbour; null if it is like no other image"),
        Column("similarity", _REAL, "similarity to its nearest neighbour; 0 if it has none"),
        Column(
            "score",
            _REAL,
            "robust score: scaled MADs below the median similarity; over 3.5 stands out",
        ),
        Column("by", _TEXT, "why it is listed: by its share, by its score, or both"),
    ),
)

_GROUP_COLUMNS = (
    Column("count", _INT, "images in the component"),
    Column("mean_similarity", _REAL, "mean over the pairs of its images"),
    Column("min_similarity", _REAL, "least over the pairs of its images"),
    Column("max_similarity", _REAL, "greatest over the pairs of its images"),
)

COMPONENTS = Table(
    "components",
    "one row per image that belongs to a component of two images or more",
    (
        _ID,
        Column("component_id", _INT, "the component; 0 is the largest"),
        *_GROUP_COLUMNS,
        Column("video", _TEXT, "the video that the frame is of; null if it is of none"),
    ),
)

COMPONENT_INFO = Table(
    "component_info",
    "one row per component, largest first",
    (
        Column("component_id", _INT, "the component; 0 is the largest"),
        *_GROUP_COLUMNS,
        Column("representative", _INT, "id of the image most like the others"),
        Column("videos", _INT, "of how many videos its frames are; 0 if none of them is of one"),
    ),
)

VIDEO_PAIRS = Table(
    "video_pairs",
    "pairs of videos with frames in the same components, most alike first",
    (
        Column("video", _TEXT, "the first video"),
        Column("other", _TEXT, "the second video"),
        Column("components", _INT, "components with frames of both"),
        Column("frames", _INT, "frames of the first video that were analysed"),
        Column("shared_frames", _INT, "those of them in such a component"),
        Column("other_frames", _INT, "frames of the second video that were analysed"),
        Column("other_shared_frames", _INT, "those of them in such a component"),
        Column("share", _REAL, "greater of the two shares of frames that are shared, 0..1"),
        Column(
            "offset_ms",
            _INT,
            "what most shared scenes are later in the second video; null if unknown",
        ),
        Column("aligned_frames", _INT, "frames that are shared at this offset"),
        Column("overlap", _REAL, "those as a share of the frames of the shorter video, 0..1"),
    ),
)

FROZEN_STRETCHES = Table(
    "frozen_stretches",
    "stretches of videos that stand still: three frames or more in a row that show the same",
    (
        Column("video", _TEXT, "the video"),
        Column("id", _INT, "id of the first frame"),
        Column("start_ms", _INT, "time of the first frame"),
        Column("end_ms", _INT, "time of the last frame"),
        Column("frames", _INT, "frames of the stretch"),
    ),
)

GROUPS = Table(
    "groups",
    "one row per valid image: the group of similar content that it is in",
    (
        _ID,
        Column("group_id", _INT, "the group; 0 is the largest"),
        Column("similarity", _REAL, "similarity to the group's representative"),
    ),
)

GROUP_INFO = Table(
    "group_info",
    "one row per group, largest first",
    (
        Column("group_id", _INT, "the group; 0 is the largest"),
        Column("count", _INT, "images in the group"),
        Column("mean_similarity", _REAL, "mean similarity of its images to the representative"),
        Column("representative", _INT, "id of the image nearest to the group's centre"),
    ),
)

SPLIT_COVERAGE = Table(
    "split_coverage",
    "how alike the images of each split are to the nearest image of each other split",
    (
        Column("split", _TEXT, "the split whose images are looked at"),
        Column("other_split", _TEXT, "the split in which the nearest image is looked for"),
        Column("looked_at", _INT, "distinct contents that were compared, evenly chosen"),
        Column("median_similarity", _REAL, "half of them have an image at least so similar"),
        Column("low_similarity", _REAL, "19 of 20 of them have an image at least so similar"),
    ),
)

BOX_COLUMNS = ("col_x", "row_y", "width", "height")
"""An upright box in pixels: left and upper edge, width and height."""

CORNER_COLUMNS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
"""The corners of a rotated box in pixels."""

CROPS = Table(
    "crops",
    "one row per crop: where it was cut, and what is known of it",
    (
        Column("crop_id", _INT, "the crop's id in the other tables"),
        Column("source_id", _INT, "the number of the image it was cut from, in order of listing"),
        Column("filename", _TEXT, "absolute path or URI of that image"),
        Column(
            "col_x", _REAL, "left edge of its box in pixels; clipped to the image if it is valid"
        ),
        Column("row_y", _REAL, "upper edge"),
        Column("width", _REAL, "width in pixels"),
        Column("height", _REAL, "height in pixels"),
        *(
            Column(at, _REAL, f"{at[0]} of corner {at[1]} of a rotated box")
            for at in CORNER_COLUMNS
        ),
        Column("score", _REAL, "how sure the detector is, 0..1; null if none was used"),
        Column("label", _TEXT, "class, if one is known"),
        Column("text", _TEXT, "the text that was read in it"),
    ),
)

INVALID = Table(
    "invalid",
    "one row per image that was left out",
    (
        _ID,
        Column("filename", _TEXT, "absolute path or URI"),
        Column("reason", _TEXT, "the reason code"),
        Column("detail", _TEXT, "what the decoder or the file system said"),
    ),
)

PLAN = Table(
    "plan",
    "one row per image that a rule speaks of; images without a row stay",
    (
        Column("action", _TEXT, "keep, remove or review: the one column to change"),
        Column("list", _TEXT, "the rule that decided: exact, near, contained, invalid, dark, ..."),
        Column("filename", _TEXT, "absolute path or URI"),
        Column("reason", _TEXT, "why, in words"),
        Column("kept", _TEXT, "the image that stays for it; its own name if others go for it"),
        Column("similarity", _REAL, "similarity to that one"),
        Column("label", _TEXT, "the label, when one is known"),
        Column("split", _TEXT, "train, test, ..., when one is known"),
        Column("width", _INT, "width in pixels"),
        Column("height", _INT, "height in pixels"),
        Column("file_size", _INT, "bytes"),
        Column("place", _TEXT, "file, archive, frame, crop or bucket: only files are moved"),
        Column("source", _TEXT, "the input that the image was found through"),
        Column("digest", _TEXT, "content digest that the file must still have"),
        Column("id", _INT, "the image's number in the tables of the run"),
    ),
)

ALARMS = Table(
    "alarms",
    "images that the alarms count that are on after a monitored run, worst first",
    (
        Column("alarm", _TEXT, "name of the rate, or `drift:` and a metric or `embeddings`"),
        _ID,
        Column(
            "value",
            _REAL,
            "what the image is judged by: a metric, or similarity to the baseline; null of others",
        ),
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

FILE = "file"
"""The place of an image that is a file of its own on this machine."""

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
    for field in data.schema:
        if pa.types.is_integer(field.type) and data.column(field.name).null_count:
            frame[field.name] = data.column(field.name).to_pandas(
                types_mapper=lambda _: pd.Int64Dtype()
            )
    return frame


def write_table(data: pa.Table, path: Path) -> None:
    """Write an Arrow table as Parquet, without metadata of the writer's frame or of the time."""
    pq.write_table(data.replace_schema_metadata(None), path, compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table that :func:`write_table` wrote."""
    return to_frame(pq.read_table(path))


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
