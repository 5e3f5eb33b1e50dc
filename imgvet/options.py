"""The parameters of a run: one definition for the command line, Python, config files and flows.

``RunOptions`` is flat, as users write it. Each stage gets only the part that changes its result
(:meth:`RunOptions.part`), which is also what its cache key is made of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from imgvet.check_options import CheckOptions, FailOn, SuiteOptions
from imgvet.parameters import Part, Place, Share, Strings, parameter, validated

SPLIT_FOLDERS = "folders"
"""The ``split_pattern`` that knows what folders of splits are called."""


class VideoOptions(Part):
    """Which frames of a video are looked at."""

    video_fps: float = parameter(
        1.0, "at most this many frames of each second of a video", gt=0, le=1000
    )
    video_keyframes_only: bool = parameter(False, "only keyframes of videos")


class FetchOptions(Part):
    """How inputs that lie elsewhere or inside others are made ready. No result depends on it."""

    sync_s3_to_local: bool = parameter(
        False, "copy s3:// and minio:// inputs into the work dir before reading them"
    )
    delete_img: bool = parameter(False, "delete, after use, images that this run downloaded")
    delete_tar: bool = parameter(
        False, "delete, after use, archives and videos that this run downloaded"
    )
    resume: bool = parameter(
        False, "accepted and ignored: an interrupted extraction is always continued"
    )


class SourceOptions(VideoOptions):
    """What to analyse."""

    input_dir: Strings = Field(
        description="folders (recursive), images, archives, videos, s3:// or minio:// folders, "
        "text or csv lists of paths, or a YOLOv5 yaml; block:remote-file-system/NAME/folder is a "
        "block of the Prefect server, as for work_dir"
    )
    test_dir: Strings = parameter(
        (), "more inputs, whose split is test; that of the others is then train"
    )
    split_pattern: str | None = parameter(
        None,
        "regular expression whose group is the split, as in '/(train|val|test)/', or "
        "folders: the name of the deepest folder that is called as splits are",
    )
    labels_from: Literal["folders"] | None = parameter(
        None, "folders: the label of an image is the name of the folder it lies in"
    )
    subset: Strings | None = parameter(
        None, "only these images, or frames of these videos, by path"
    )
    num_images: int | None = parameter(
        None, "at most this many images; of a bucket, those in its first so many files", ge=1
    )
    min_offset: int | None = parameter(None, "first index of a slice of the sorted list", ge=0)
    max_offset: int | None = parameter(None, "index after the last of that slice", ge=1)
    find_regex: str | None = parameter(
        None, "only local paths in which this regular expression is found"
    )
    tar_only: bool = parameter(False, "ignore loose images beside archives and videos")
    no_archives: bool = parameter(False, "ignore archives and videos beside loose images")
    min_file_size: int = parameter(0, "leave out files of fewer bytes", ge=0)

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.tar_only and self.no_archives:
            raise ValueError("tar_only and no_archives exclude each other")
        if self.max_offset is not None and (self.min_offset or 0) >= self.max_offset:
            raise ValueError("min_offset must be less than max_offset")
        return self

    @field_validator("split_pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and pattern != SPLIT_FOLDERS:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"it is not a regular expression ({error})") from None
            if groups != 1:
                raise ValueError("it needs one group, the split, as in '/(train|val|test)/'")
        return pattern

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every input, those of ``test_dir`` last."""
        return (*self.input_dir, *self.test_dir)


class MediaOptions(Part):
    """Which pictures count."""

    min_input_image_width: int = parameter(10, "leave out narrower pictures, in pixels", ge=1)
    min_input_image_height: int = parameter(10, "leave out lower pictures, in pixels", ge=1)


DataType = Literal["infer", "image", "bbox"]
MARGIN = 0.2
"""Margin on each side of a detection, as a fraction of its size, if none is given."""


class AnnotationOptions(Part):
    """What is known of the images beforehand."""

    annotations: Strings | None = parameter(
        None,
        "labels, splits and boxes: csv, parquet or jsonl files, COCO json, xml of Pascal VOC (or "
        "its folder) or CVAT; from Python also a DataFrame or a dict",
    )
    data_type: DataType = parameter(
        "infer",
        "image: analyse whole images; bbox: the annotated boxes, as crops, also those "
        "of a YOLO data set; infer: bbox if annotations hold boxes",
    )


class CropOptions(Part):
    """Which parts of the images are analysed instead of whole ones."""

    bounding_box: str | None = parameter(
        None,
        "analyse crops: row_y=..,col_x=..,height=..,width=.. cuts the same box from "
        "each image; face, ocr and yolov5s detect what to cut",
    )
    augmentation_horiz: Share | None = parameter(
        None, f"margin left and right of a detection, as a fraction of its width [{MARGIN}]"
    )
    augmentation_vert: Share | None = parameter(
        None, f"margin above and below a detection, as a fraction of its height [{MARGIN}]"
    )
    augmentation_additive_margin: int = parameter(
        0, "margin around a detection in pixels, instead of fractions", ge=0, le=10_000
    )

    @model_validator(mode="after")
    def _one_kind_of_margin(self) -> Self:
        fractions = (self.augmentation_horiz, self.augmentation_vert)
        if self.augmentation_additive_margin and fractions != (None, None):
            raise ValueError(
                "augmentation_additive_margin excludes augmentation_horiz and augmentation_vert"
            )
        return self


class ModelOptions(Part):
    """What the images are compared by."""

    model_path: str | None = parameter(
        None,
        "a model that 'imgvet models list' names, or a path to an .onnx or .ort file; "
        "without it the built-in model",
    )
    d: int | None = parameter(
        None, "values of one embedding; read from the model, a wrong one is refused", ge=1
    )
    high_accuracy: bool = parameter(
        False, "better embeddings, for more time; with the built-in model only"
    )
    embeddings: str | None = parameter(
        None,
        "your embeddings instead of a model: an .npy file with a list of file names "
        "beside it; from Python also an array",
    )


class StatsOptions(Part):
    """Which measures to take."""

    run_stats: bool = parameter(True, "measure size, brightness, contrast and sharpness")
    run_advanced_stats: bool = parameter(False, "also measure hue, saturation, edges and colour")


class FlagOptions(Part):
    """From where on a picture counts as dark, bright or blurry."""

    dark_threshold: float = parameter(
        82.0, "dark: 99th percentile of gray below this", ge=0, le=255
    )
    bright_threshold: float = parameter(
        230.0, "bright: 5th percentile of gray above this", ge=0, le=255
    )
    blur_threshold: float = parameter(0.5, "blurry: sharpness (0 to 1) below this", ge=0, le=1)


Distance = Literal["cosine", "euclidean", "l1", "linf", "canberra", "braycurtis", "jensenshannon"]


class NeighborOptions(Part):
    """How nearest neighbours are found."""

    distance: Distance = parameter(
        "cosine",
        "what similarity is made of: cosine or euclidean; with nnf_mode Flat also l1, "
        "linf, canberra, braycurtis and jensenshannon",
    )

    nearest_neighbors_k: int = parameter(2, "neighbours kept for each image", ge=1, le=1000)
    nnf_mode: str = parameter(
        "IVF",
        "search of large sets: IVF compares the nearest cells, Flat is exact, others "
        "are FAISS factory strings such as HNSW32; small sets are always searched exactly",
    )
    nnf_param: str = parameter("", "search parameters of that index, such as efSearch=64")


class SimilarityOptions(Part):
    """Which pairs are listed."""

    threshold: Share = parameter(0.9, "list pairs at least this similar")
    verify_threshold: Share = parameter(
        0.75,
        "compare the pixels of pairs at least this similar: it is told what they have "
        "to do with each other, and those that show the same are listed, too",
    )


class ComponentOptions(Part):
    """Which pairs join a component."""

    run_cc: bool = parameter(True, "find connected components")
    cc_threshold: Share = parameter(
        0.96, "pairs at least this similar, listed or not, join a component"
    )
    cc_min_similarity: Share | None = parameter(
        None,
        "cut components so that any two images of one are at least this similar (complete "
        "linkage): no chains",
    )


class OutlierOptions(Part):
    """How many outliers are listed."""

    outlier_percentile: Share = parameter(
        0.05, "share of images, those least like their nearest neighbour, listed as outliers"
    )


class GroupOptions(Part):
    """What is in the dataset: groups of similar content."""

    num_groups: int | None = parameter(
        None,
        "groups of similar content to tell what is in the dataset; 0 for none "
        "[the square root of half the distinct images, at most 100]",
        ge=0,
        le=10_000,
    )


class LabelOptions(Part):
    """What else is known of the labels of images."""

    probabilities: str | None = parameter(
        None,
        "class probabilities by a model that was not trained on the image, to judge "
        "labels by instead of neighbours: a csv or parquet file with a column filename and one for "
        "each label; from Python also a DataFrame",
    )


class ExecutionOptions(Part):
    """How to run, and what is said of it elsewhere. None of these changes a result."""

    work_dir: Place = parameter(
        Path("work_dir"),
        "folder for results, or a bucket: s3://bucket/out, minio://host/bucket/out",
    )
    overwrite: bool = parameter(True, "replace earlier results in the work dir")
    num_threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=1024, description="threads [cores]"
    )
    runner: Literal["threads", "processes", "dask", "ray"] = parameter(
        "threads",
        "what computes the shards: threads of this process; processes, which the command takes by "
        "itself on 8 cores or more; dask or ray, which need imgvet[dask] or imgvet[ray]: processes "
        "of theirs on this machine, or the cluster at an address",
    )
    address: str | None = parameter(
        None,
        "Dask scheduler (tcp://host:8786) or Ray head (ray://host:10001) whose workers "
        "see the inputs and the work dir at the same paths; they may be in buckets",
    )
    keep_days: int = parameter(
        90,
        "forget earlier runs, and what only they needed, after so many days; never a baseline in "
        "use, nor what somebody still has to be told of",
        ge=1,
    )
    fail_on: FailOn = parameter(
        "never", "exit with 3 when a check of this severity (or worse) fails"
    )
    device: Literal["cpu", "cuda"] = parameter(
        "cpu", "where the model runs; cuda needs imgvet[gpu], else the processor is used"
    )
    dataset_name: str | None = parameter(
        None,
        "name of the dataset in messages and on the server [last part of the input]",
        min_length=1,
        max_length=100,
    )
    report_url: str | None = parameter(
        None,
        "address under which the folder of the report can be opened by those who watch "
        "the server or are told, for links; without it links lead to the file",
    )
    metrics_file: Path | None = parameter(
        None,
        "file for Prometheus with counts, rates, verdict, alarms and durations of the last run; "
        "in a folder (a name without an ending) it is called imgvet-DATASET.prom",
    )
    verbose: bool = parameter(False, "say more while running, and of an error the traceback")
    license: str | None = parameter(None, "accepted and ignored: there is no licence to pay")


INPUTS = ("input_dir", "test_dir")
PATHS = (
    *INPUTS, "annotations", "embeddings", "probabilities", "expectations", "metrics_file",
)  # fmt: skip
"""Parameters that name files and folders, all but the work dir; models have names, too."""


class RunOptions(
    SourceOptions,
    FetchOptions,
    AnnotationOptions,
    CropOptions,
    MediaOptions,
    ModelOptions,
    StatsOptions,
    FlagOptions,
    NeighborOptions,
    SimilarityOptions,
    ComponentOptions,
    OutlierOptions,
    GroupOptions,
    LabelOptions,
    CheckOptions,
    SuiteOptions,
    ExecutionOptions,
):
    """All parameters of a run."""

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return dataset_called(self.dataset_name, self.input_dir)


def dataset_called(name: str | None, inputs: Sequence[str]) -> str:
    """A dataset's name: as given, or the first input's last part and how many more."""
    if name is not None or not inputs:
        return name or ""
    first, *more = inputs
    last = first.rstrip("/").rsplit("/", 1)[-1] or first
    return f"{last} and {len(more)} more" if more else last


GROUPS: Mapping[str, tuple[type[Part], ...]] = {
    "what to analyse": (SourceOptions, AnnotationOptions, CropOptions, MediaOptions, FetchOptions),
    "what to compute": (
        ModelOptions,
        StatsOptions,
        FlagOptions,
        NeighborOptions,
        SimilarityOptions,
        ComponentOptions,
        OutlierOptions,
        GroupOptions,
        LabelOptions,
        SuiteOptions,
    ),
    "how to run": (ExecutionOptions,),
}
"""Headings of ``imgvet run --help`` and the parameters below each."""


def make_options(values: Mapping[str, Any]) -> RunOptions:
    """Validate parameters that a person gave; an error names the first that is wrong."""
    return validated(RunOptions, values, "run")
