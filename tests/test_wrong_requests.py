"""Wrong requests, of the command line, config files and Python: one line that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import imgvet
from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.errors import EXIT_CODES, ImgvetError, InputNotFoundError
from support.command import tree
from support.finished_run import finish_run, judge
from support.pictures import write_photographs

FILES: dict[str, str | bytes] = {
    "a.bin": b"PK\3\4" + bytes(100),
    "boxes.csv": "filename,col_x,row_y,width,height\nphoto00.jpg,1,1,9,9\n",
    "broken.json": "{",
    "broken.onnx": "no model",
    "broken.toml": "threshold = \n",
    "deep.toml": "threshold = " + "[" * 20_000,
    "checks.toml": "checks = 3\n",
    "checks_name.toml": "[checks]\nmax_drak_rate = 1\n",
    "checks_range.toml": "[checks]\nmax_dark_rate = 7\n",
    "cron.toml": "[datasets.a]\ninput_dir = 'photos'\ncron = 'whenever'\n",
    "elsewhere.csv": "filename,label\nx.png,a\ny.png,b\n",
    "empty.yaml": "names: 3\n",
    "labels.csv": "filename,label,split\nphoto00.jpg,a,train\nphoto01.jpg,b,val\n",
    "latin.toml": b"x = '\xe9'",
    "list.json": "[]",
    "list.txt": "relative.jpg\n",
    "names.csv": "name\nx\n",
    "picture.csv": b"\xff\xd8\0",
    "plan.csv": "action,filename\ngo,x\n",
    "rules.toml": 'exact = "maybe"\n',
    "rules_name.toml": 'exakt = "off"\n',
    "same.csv": "filename,label\nphoto00.jpg,a\nphoto00.jpg,b\n",
    "text.jpg": "no picture",
    "twice.toml": "threshold = 1\nthreshold = 2\n",
    "types.toml": "threshold = [1]\n",
    "vectors.npy": "no array",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run on photographs, and files that are of no use."""
    folder = tmp_path_factory.mktemp("wrong")
    for name, content in FILES.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    (folder / "empty").mkdir()
    write_photographs(folder / "photos", 3)
    judge(finish_run(folder / "photos", folder / "out", annotations=str(folder / "labels.csv")))
    for name in ("lock", "edits"):  # as a run and who edits leave them
        (folder / "out" / "store" / name).touch()
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("IMGVET_MODEL_DIR", str(place / "models"))
    monkeypatch.setattr("imgvet.cli.watch.configured_url", lambda: None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # Prefect's, if it ran here before


def said_by(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line that is refused prints."""
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("imgvet: ")
    return printed.err


COMMANDS = """
                                                  | arguments are required: COMMAND
runn photos                                       | invalid choice: 'runn'
run                                               | Name a folder, images
run --annotations labels.csv photos               | before the options
run nowhere                                       | The input nowhere does not exist. Give a folder
run photos --test-dir nowhere --test-dir photos   | The input nowhere does not exist
run empty                                         | No image in empty. Images are files that end in
run https://x.org/photos                          | is an address that can't be read. Give a folder
run s3://                                         | names no bucket (''). Write s3://bucket/prefix
run s3://me:word@bucket/x                         | takes no user or password. Give credentials as
run minio://host                                  | Write s3://bucket/prefix, minio://host:port/
run a.bin                                         | is an archive, but its name does not end as
run list.txt                                      | 1 relative path in list.txt ('relative.jpg')
run picture.csv                                   | is not text. List one path a row, as UTF-8
run empty.yaml                                    | names no images. Give it one of the keys train
run photos --treshold 1                           | Did you mean '--threshold'
run photos --threshold 7                          | threshold = '7': Input should be less than
run photos --threshold high                       | threshold = 'high': Input should be a valid n
run photos --thresh 1                             | Unknown parameter '--thresh'
run photos --threshold                            | --threshold: expected one argument
run photos --num-images many                      | num_images = 'many': Input should be a valid
run photos --num-images 0                         | num_images = '0': Input should be greater than
run photos --num-threads 0                        | num_threads = '0': Input should be greater
run photos --fail-on error                        | choose from 'critical', 'warning', 'never'
run photos --device tpu                           | choose from 'cpu', 'cuda'
run photos --runner spark                         | choose from 'threads', 'processes', 'dask'
run photos --find-regex (                         | is not a regular expression
run photos --split-pattern train                  | it needs one group, the split, as in
run photos --subset nowhere.jpg                   | Give paths of images that lie in the input
run photos --min-offset 5 --max-offset 3          | min_offset must be less than max_offset
run photos --tar-only                             | No image of photos is left. Check tar_only
run photos --tar-only --no-archives               | exclude each other
run photos --work-dir photos/out                  | lies inside the input photos. Choose a work dir
run photos --work-dir names.csv                   | can't be written to (Not a directory). Choose
run photos --work-dir ftp://bucket/out            | is no folder, and in no bucket. Give a folder
run photos --work-dir out --no-overwrite          | overwrite is off. Choose another work dir or
run photos --config nowhere.toml                  | nowhere.toml can't be read (No such file or
run photos --config broken.toml                   | is not TOML (Invalid value (at line 1, col
run photos --config deep.toml                     | deep.toml is not TOML
run photos --config latin.toml                    | is not TOML
run photos --config twice.toml                    | Cannot overwrite a value (at line 2
run photos --config types.toml                    | threshold = [1]: Input should be a valid numb
run photos --config checks.toml                   | it is a table of its own, in a config file [c
run photos --config checks_range.toml             | checks.max_dark_rate = 7: Input should be less
run photos --config checks_name.toml              | Unknown parameter checks.max_drak_rate
run photos --config rules_name.toml               | Unknown parameter 'exakt'. 'imgvet run --help'
run photos --annotations nowhere.csv              | do not exist. Give a csv, parquet or jsonl file
run photos --annotations names.csv                | The one file of names.csv is not in the input
run photos --annotations list.json                | no column filename; its columns are none
run photos --annotations broken.json              | broken.json is not JSON
run photos --annotations s3://bucket/a.csv        | Copy the file from the bucket first
run photos --probabilities nowhere.csv            | nowhere.csv do not exist. Give a csv
run photos --model-path dinov9                    | Did you mean 'dinov2s'
run photos --model-path nowhere.onnx              | there is no file
run photos --model-path broken.onnx               | Give an .onnx or .ort file that this version
run photos --d 3                                  | Leave out d, or give d = 384
run photos --high-accuracy --model-path clip      | Leave out high_accuracy, or model_path
run photos --embeddings nowhere.npy               | can't be read (No such file or directory)
run photos --embeddings vectors.npy               | has no list of names beside it. Write vectors
run photos --embeddings vectors.npy --model-path clip | exclude each other
run photos --bounding-box row_y=0,col_x=0,height=9,width=9 --annotations boxes.csv | as well
run photos --annotations elsewhere.csv            | none of the 2 files of elsewhere.csv is in the
run photos --annotations same.csv                 | more than one label
run photos --bounding-box fase                    | did you mean face
run photos --bounding-box row_y=1                 | col_x, height, width missing
run photos --data-type bbox                       | Give annotations with boxes, a YOLO data set
run photos --nnf-mode Nonsense7                   | could not parse index string Nonsense7. Use
run photos --nnf-mode HNSW32 --nnf-param nprobe=4 | efSearch
run photos --distance l1                          | Use nnf_mode = 'Flat'
summary nowhere                                   | Start one with 'imgvet run INPUT --work-dir
report photos                                     | No finished run in photos
explore out --port 99999999                       | Choose another, or 0 for a free one
explore out --port x                              | argument --port: invalid int value: 'x'
search out                                        | Name one, or several after --against
search out nowhere.jpg                            | Give the path of a picture, or a file name as
search out text.jpg                               | can't be decoded (not_an_image
search out a.jpg --against b.jpg                  | A picture and --against are named
search out names.csv                              | is looked up by --against
search out photos/photo00.jpg --k 0               | k = 0 is not between 1 and 1000
search out --against nowhere                      | The input nowhere does not exist
subset out 0                                      | Ask for 1 or more
subset out 2 --count 5                            | 'imgvet subset --help' lists them all
subset out 2 --name a/b                           | can't be the name of a list. Use at most
demo extra                                        | 'imgvet demo --help' lists them all
export out                                        | arguments are required: DEST
export out clean --formt csv                      | Did you mean '--format'
export out clean --format cocoa                   | choose from 'csv'
export out clean                                  | The name clean tells no format. Give the
export out coco.csv                               | The name coco.csv tells more than one format
export out photos --format coco                   | is there already. Name a place that is new
export out photos/clean --format coco             | Choose a place outside of it
export out clean --format csv --where label       | where = 'label' is not a condition. Write
export out clean --format csv --where colour=red  | Unknown column 'colour'. Known are
export out clean --format csv --where label=zebra | Leave out some of where, list, without and plan
export out clean --format csv --list none         | There is no list 'none'
export out clean --format csv --plan plan.csv     | Row 2 of the plan has action 'go' for
compare out nowhere                               | The input nowhere does not exist
import-fastdup photos                             | Name the work dir of a finished run of fastdup
curate                                            | arguments are required: COMMAND
curate plan out --rules rules.toml                | exact = 'maybe': Input should be 'remove'
curate plan out --rules rules_name.toml           | Did you mean 'exact'
curate plan out --invalid-reasons truncatd        | 'truncatd' is no reason: known are missing
curate plan out --keep biggest                    | 'biggest' is none of labelled, largest
curate plan out --lists none                      | There is no list 'none'
curate apply nowhere.csv --to q                   | nowhere.csv can't be read
curate apply plan.csv --to q                      | plan.csv has no column list. Keep all columns
curate apply plan.csv                             | arguments are required: --to
curate undo nowhere                               | nowhere is no quarantine. Name the folder that
monitor nowhere                                   | The input nowhere does not exist
monitor photos --notify http://x                  | json://host:port/path
monitor photos --min-drift 7                      | min_drift = '7'
monitor photos --notify nothing://x               | Write it as Apprise does: json://host:port
monitor photos --baseline last:0                  | use first, last:N or a run id
monitor --config cron.toml                       | names datasets of their own. 'imgvet serve --con
baseline nowhere                                  | Start with 'imgvet monitor INPUT --work-dir
baseline empty --set first                        | No watched dataset in empty. Start with 'imgv
baseline out --set gone                           | Of run 'gone' no baseline is kept
baseline out --set ../x                           | Use first, last:N or a run id
status nowhere.toml                               | nowhere.toml can't be read
datasets check cron.toml                          | [datasets.a]: cron = 'whenever' is no schedule
automations                                       | arguments are required: COMMAND
automations apply                                 | needs a Prefect server. Start one with
serve photos --cron never                         | needs a Prefect server. Start one with
serve photos                                      | 'imgvet serve' needs a Prefect server. Start
deployments init names.csv                        | can't be written (File exists). Name another
models                                            | arguments are required: COMMAND
models delete                                     | invalid choice: 'delete'
models path clip                                  | clip is not downloaded. 'imgvet models pull
models pull                                       | arguments are required: NAME
models pull dinov2                                | Did you mean 'dinov2
models pull nothing                               | Unknown model 'nothing'. Known are built-in
store info nowhere                                | A run makes one: imgvet run INPUT --work-dir
store gc out --unused-days -1                     | Give a number of days, 0 or more
"""


@pytest.mark.parametrize("row", COMMANDS.strip("\n").split("\n"))
def test_a_wrong_command_line(row: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, _, said = row.partition(" | ")
    before = tree(place)
    printed = said_by(line, capsys)
    assert said.strip().lower() in printed.lower()
    assert printed.count("\n") == 1
    assert printed.count(". ") >= 1, "nothing says what to do"
    assert tree(place) == before


@pytest.mark.parametrize("line", ["summary nowhere --verbose", "--verbose run nowhere"])
def test_verbose_adds_the_traceback(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    *traceback, last = said_by_verbose(line, capsys)
    assert traceback[0].startswith("Traceback")
    assert any("in _command" in row for row in traceback)
    assert last.startswith("imgvet: ")


def said_by_verbose(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(line.split()) == 2
    return capsys.readouterr().err.splitlines()


FRAME = pd.DataFrame({"label": ["a"]})
CALLS: dict[str, tuple[Callable[[Dataset], object], str]] = {
    "no input": (lambda _: imgvet.create().run(), "Name a folder, images"),
    "a number": (lambda _: imgvet.create(3).run(), "input_dir = 3"),  # type: ignore[arg-type]
    "a name": (lambda _: photos(treshold=1), "Did you mean 'threshold'"),
    "a text": (lambda _: photos(threshold="high"), "Input should be a valid number"),
    "annotations": (lambda _: photos(annotations=3), "annotations = 3"),
    "no annotations": (lambda _: photos(annotations=[]), "annotations names no file"),
    "columns": (lambda _: photos(annotations=FRAME), "has no column filename"),
    "lengths": (
        lambda _: photos(annotations={"filename": ["a"], "label": ["x", "y"]}), "is no table",
    ),
    "embeddings": (lambda _: photos(embeddings=np.eye(2)), "which image each row is of"),
    "vectors": (lambda _: photos(embeddings=pd.DataFrame(np.eye(2))), "names that are no text"),
    "three": (lambda _: photos(embeddings=(["a"], np.eye(1), 1)), "embeddings = (['a'], array"),
    "probabilities": (lambda _: photos(probabilities=FRAME), "has the columns"),
    "checks": (lambda _: photos(checks={"max_drak_rate": 1}), "Known are min_images"),
    "no run": (lambda _: imgvet.create(work_dir="nowhere").outliers(), "No finished run in"),
    "address": (lambda _: imgvet.create(work_dir="ftp://b/out"), "is no folder, and in no bucket"),
    "picture": (lambda done: done.search("nowhere.jpg"), "neither a file nor an image"),
    "id": (lambda done: done.search(99), "Image 99 has no embedding"),
    "nothing": (lambda done: done.search(None), "is nothing to search for"),
    "bytes": (lambda done: done.search(b"no picture"), "can't be decoded"),
    "k": (lambda done: done.search(0, k="many"), "k = 'many'"),  # type: ignore[arg-type]
    "column": (lambda done: done.search(0, where={"colour": "red"}), "Unknown column"),
    "range": (lambda done: done.search(0, where={"sharpness": ("a", "b")}), "is no condition"),
    "many": (lambda done: done.look_up("photos", k=0), "k = 0: Input should be greater"),
    "look up": (lambda done: done.look_up(FRAME.to_numpy), "pictures = <bound method"),  # type: ignore[arg-type]
    "other": (lambda done: done.compare("nowhere"), "does not exist"),
    "count": (lambda done: done.subset("x"), "count = 'x': Input"),  # type: ignore[arg-type]
    "none": (lambda done: done.subset(0), "0 images can't be chosen"),
    "format": (lambda done: done.export("x", format="cocoa"), "Input should be 'csv'"),
    "rule": (lambda done: done.curate.plan(exakt="off"), "Did you mean 'exact'"),
    "reason": (lambda done: done.curate.plan(invalid_reasons="x"), "'x' is no reason"),
    "plan": (lambda done: done.curate.apply("q", FRAME), "The plan has no column action"),
    "gallery": (lambda done: done.vis.outliers(colour="red"), "Unknown column 'colour'"),
    "severity": (lambda done: done.fails("error"), "Input should be 'critical'"),  # type: ignore[arg-type]
    "number": (lambda done: done.vis.duplicates(n="a"), "n = 'a': Input"),  # type: ignore[arg-type]
    "negative": (lambda done: done.vis.table(done.outliers(), n=-1), "greater than or equal to 1"),
    "frame": (lambda done: done.vis.table(5), "instance of DataFrame"),  # type: ignore[arg-type]
    "page": (lambda done: done.vis.stats("width").save("no/folder.html"), "can't be written"),
    "where": (lambda done: done.search(0, where=3), "where = 3: Input"),  # type: ignore[arg-type]
    "port": (lambda done: done.explore("any"), "port = 'any': Input"),  # type: ignore[arg-type]
    "compared": (lambda done: done.compare(5), "earlier = 5: Input"),  # type: ignore[arg-type]
    "destination": (lambda done: done.export(None), "destination = None"),  # type: ignore[arg-type]
    "no plan": (lambda done: done.curate.apply("q", 5), "plan = 5"),  # type: ignore[arg-type]
    "yes": (lambda done: done.curate.apply("q", yes="maybe"), "yes = 'maybe'"),  # type: ignore[arg-type]
    "quarantine": (lambda done: done.curate.undo(5), "quarantine = 5"),  # type: ignore[arg-type]
    "work dir": (lambda _: imgvet.create(work_dir=None), "work_dir = None"),  # type: ignore[arg-type]
    "metric": (lambda done: done.vis.stats("colour"), "Unknown column 'colour'"),
    "text of a metric": (lambda done: done.vis.stats("label"), "Name a column of numbers"),
}  # fmt: skip


def photos(**parameters: Any) -> object:
    return imgvet.create("photos").run(**parameters)


@pytest.mark.parametrize("case", CALLS)
def test_a_wrong_call(case: str, place: Path) -> None:
    call, said = CALLS[case]
    before = tree(place)
    with pytest.raises(ImgvetError) as caught:
        call(imgvet.create(work_dir="out"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    assert tree(place) == before


def test_a_notebook_shows_one_line() -> None:
    """IPython asks an exception for what to show, by this name."""
    with pytest.raises(InputNotFoundError) as caught:
        photos(input_dir="nowhere")
    (line,) = caught.value._render_traceback_()
    assert line.startswith("InputNotFoundError: The input nowhere does not exist. Give a folder")


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == {0, 1, 2, 3, 130, 141, 143}
