"""fastdup's files: written with its names and columns, and read back as a finished run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.cli.main import main
from imgvet.dataset import create
from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.exchange.export import export_run
from imgvet.exchange.fastdup_import import import_fastdup
from imgvet.exchange.options import ExportOptions
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.exported import write_rows

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture(scope="module")
def exported(work: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run exported for fastdup's users."""
    folder = tmp_path_factory.mktemp("fastdup") / "theirs"
    return export_run(work, folder, ExportOptions(format="fastdup")).path


def test_scripts_written_for_fastdup_find_their_columns(work: WorkDir, exported: Path) -> None:
    columns = {
        "atrain_features.dat.csv": ["index", "filename"],
        "atrain_features.bad.csv": ["index", "filename", "error_code"],
        "similarity.csv": ["from", "to", "distance"],
        "outliers.csv": ["from", "to", "distance"],
        "connected_components.csv": [
            "__id", "component_id", "count", "mean_distance", "min_distance", "max_distance",
        ],
        "component_info.csv": ["component_id", "Count"],
    }  # fmt: skip
    for name, expected in columns.items():
        assert pd.read_csv(exported / name).columns.tolist() == expected, name
    stats = pd.read_csv(exported / "atrain_stats.csv")
    assert stats.columns[:11].tolist() == [
        "index", "filename", "width", "height", "unique", "blur", "mean", "min", "max", "stdv",
        "file_size",
    ]  # fmt: skip
    sharpness = read_table(work.table("stats"))["sharpness"].to_numpy()
    assert (stats["blur"] < 150).tolist() == (sharpness < 0.5).tolist()


def test_features_are_rows_of_little_endian_floats(work: WorkDir, exported: Path) -> None:
    names, vectors = create(work_dir=work.path).embeddings()
    data = np.fromfile(exported / "atrain_features.dat", "<f4").reshape(-1, vectors.shape[1])
    assert np.array_equal(data, vectors)
    assert pd.read_csv(exported / "atrain_features.dat.csv")["filename"].tolist() == names


def test_pairs_name_rows_of_the_features(exported: Path) -> None:
    names = pd.read_csv(exported / "atrain_features.dat.csv")["filename"].map(
        lambda n: Path(n).name
    )
    pairs = pd.read_csv(exported / "similarity.csv")
    first = pairs.iloc[0]
    assert first["distance"] == 1
    assert {names[int(first["from"])], names[int(first["to"])]} == {"copy of 0.jpg", "photo00.jpg"}
    members = pd.read_csv(exported / "connected_components.csv")
    assert members["__id"].tolist() == list(range(len(names)))
    assert members.loc[members["count"] > 0, "component_id"].nunique() == 1
    assert members.loc[members["count"] == 0, "component_id"].is_unique


def test_what_was_exported_is_imported_as_it_was(
    work: WorkDir, exported: Path, tmp_path: Path
) -> None:
    found = import_fastdup(exported, tmp_path / "ours", 2)
    assert (found.images, found.gone) == (11, 0)
    for name, columns in {
        "similarity": ["from", "to", "similarity"],
        "components": ["id", "component_id", "count", "mean_similarity"],
        "stats": ["width", "height", "sharpness", "percentile_99"],
        "invalid": ["filename", "reason"],
    }.items():  # fmt: skip
        old, new = (_named(run, name)[columns] for run in (work, found.work))
        pd.testing.assert_frame_equal(old, new, check_dtype=False)
    assert "exact" in set(read_table(found.work.table("similarity"))["relation"])
    old, new = (create(work_dir=run.path).embeddings() for run in (work, found.work))
    assert old[0] == new[0]
    assert np.allclose(old[1], new[1], atol=1e-6)


def _named(work: WorkDir, name: str) -> pd.DataFrame:
    """A table with names for ids, in an order that does not depend on ids."""
    names = read_table(work.table("items")).set_index("id")["filename"]
    table = read_table(work.table(name))
    for column in {"id", "from", "to"} & set(table):
        table[column] = table[column].map(names)
    if {"from", "to"} <= set(table):
        ends = np.sort(table[["from", "to"]].to_numpy(str), axis=1)
        table["from"], table["to"] = ends[:, 0], ends[:, 1]
    return table.sort_values(table.columns[0]).reset_index(drop=True)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A work dir as fastdup's own pages describe it: files named relative, images long gone."""
    folder = tmp_path / "old"
    folder.mkdir()

    def write(name: str, header: str, rows: list[tuple[object, ...]]) -> None:
        write_rows(folder / name, header.split(","), rows)

    write("atrain_features.dat.csv", "filename", [(name,) for name in ("c.jpg", "a.jpg", "b.jpg")])
    write("atrain_features.bad.csv", "index,filename,error_code",
          [(3, "d.jpg", "ERROR_MISSING_FILE"), (4, "e.jpg", "ERROR_ZERO_SIZE_FILE")])  # fmt: skip
    write("similarity.csv", "from,to,distance",
          [(1, 2, 0.97), (2, 1, 0.97), (0, 0, 1.0), (1, 0, 0.9), (7, 1, 0.99)])  # fmt: skip
    write("outliers.csv", "from,to,distance", [("c.jpg", "a.jpg", 0.5), ("c.jpg", "b.jpg", 0.4)])
    write("connected_components.csv", "__id,component_id,pagerank,delta",
          [(0, 4, 0.1, 0), (1, 9, 0.1, 0), (2, 9, 0.1, 0)])  # fmt: skip
    write("atrain_stats.csv", "index,filename,width,height,unique,blur,mean,min,max,stdv,file_size",
          [(0, "c.jpg", 640, 480, 200, 99.5, 100.5, 0, 255, -1, 1234)])  # fmt: skip
    config = {"input_dir": "/photos", "fastdup_kwargs": {
        "threshold": 0.85, "turi_param": {"ccthreshold": "0.95"}}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_an_old_work_dir_is_opened_as_far_as_its_data_go(old: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    found = import_fastdup(old, tmp_path / "ours")
    assert (found.images, found.gone) == (5, 3)
    dataset = create(work_dir=found.work.path)
    items = dataset.annotations(valid_only=False)
    assert items["filename"].tolist() == [f"/photos/{name}.jpg" for name in "abcde"]
    assert items["status"].tolist() == ["ok", "ok", "ok", "missing", "empty_file"]
    pairs = dataset.similarity()[["from", "to", "similarity"]].to_numpy().tolist()
    assert pairs == [[0, 1, 0.97], [0, 2, 0.9]]
    assert dataset.outliers()[["id", "nearest", "similarity"]].to_numpy().tolist() == [[2, 1, 0.4]]
    members, info = dataset.connected_components()
    assert members["id"].tolist() == [0, 1]
    assert info[["component_id", "count"]].to_numpy().tolist() == [[0, 2]]
    stats = dataset.img_stats().set_index("id")
    assert stats.loc[2, ["width", "unique", "mean"]].tolist() == [640, 200, 100.5]
    assert stats.loc[2, ["sharpness", "stdv"]].isna().all()
    parameters = dataset.record().parameters
    assert (parameters["threshold"], parameters["cc_threshold"]) == (0.85, 0.95)
    assert not parameters["run_stats"]
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


def test_report_search_compare_and_export_open_it(
    work: WorkDir, exported: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-fastdup", str(exported)]) == 0
    ours = exported / "imgvet"
    assert (ours / "report" / "index.html").is_file()
    assert list((ours / "report").rglob("*.jpg")) or list((ours / "report").rglob("*.webp"))
    capsys.readouterr()
    assert main(["search", str(ours), str(photos / "photo00.jpg"), "--k", "2"]) == 0
    assert capsys.readouterr().out.count("1.000000") == 2
    with pytest.raises(InvalidParameterError, match="own embeddings"):
        create(work_dir=ours).look_up(photos)
    assert main(["compare", str(work.path), str(ours), "--fail-on", "worse"]) == 0
    assert main(["export", str(ours), str(ours.parent / "list.txt"), "--format", "list"]) == 3


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda old: (old / "atrain_features.dat.csv").unlink(), InputNotFoundError),
        (
            lambda old: (old / "atrain_features.dat.csv").write_text("filename\n"),
            InputUnreadableError,
        ),
        (lambda old: (old / "atrain_features.dat").write_bytes(bytes(20)), InputUnreadableError),
        (lambda old: (old / "similarity.csv").write_text("a,b\n1,2\n"), InputUnreadableError),
        (lambda old: (old / "config.json").write_text("{"), InputUnreadableError),
        (lambda old: (old / "atrain_stats.csv").write_bytes(b'a,"b\n1'), InputUnreadableError),
    ],
)
def test_what_is_none_of_its_work_dirs_is_refused(
    old: Path, tmp_path: Path, spoil: Callable[[Path], object], kind: type[Exception]
) -> None:
    spoil(old)
    with pytest.raises(kind):
        import_fastdup(old, tmp_path / "ours")
    assert not (tmp_path / "ours" / "run.json").exists()


def test_missing_and_empty_tables_are_tables_without_rows(old: Path, tmp_path: Path) -> None:
    for name in ("similarity.csv", "outliers.csv", "atrain_stats.csv", "config.json"):
        (old / name).unlink()
    (old / "connected_components.csv").write_text("")
    names = ["filename", *(f"/somewhere/{name}" for name in NAMES)]
    (old / "atrain_features.dat.csv").write_text("\n".join(names) + "\n")
    found = import_fastdup(old, tmp_path / "ours")
    assert create(work_dir=found.work.path).similarity().empty
    assert create(work_dir=found.work.path).record().parameters["input_dir"] == ["/somewhere"]
