"""User embeddings: reading, writing, and matching them to the images of a run."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.embedding.user_embeddings import (
    UserEmbeddings,
    UserEmbeddingsReference,
    match_user_embeddings,
    read_user_embeddings,
    write_user_embeddings,
)
from imgvet.errors import InvalidParameterError, StaleReferenceError


def save(folder: Path, names: str | bytes, vectors: NDArray, suffix: str = ".txt") -> str:
    path = folder / "vectors.npy"
    np.save(path, vectors)
    content = names if isinstance(names, bytes) else names.encode()
    path.with_suffix(suffix).write_bytes(content)
    return str(path)


def items_of(*rows: tuple[str, int | None]) -> pd.DataFrame:
    names, embedding_rows = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "id": range(len(rows)),
            "filename": names,
            "embedding_row": pd.array(embedding_rows, "Int64"),
        }
    )


def named(*names: str, vectors: object = None) -> UserEmbeddings:
    default = np.arange(1, 2 * len(names) + 1, dtype=np.float32).reshape(-1, 2)
    return UserEmbeddings(names, default if vectors is None else np.asarray(vectors))


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".txt", "/a/1.jpg\n/a/2, 3.jpg\n"),
        (".txt", "/a/1.jpg\r\n/a/2, 3.jpg"),
        (".txt", "\ufeff/a/1.jpg\n/a/2, 3.jpg"),
        (".csv", '/a/1.jpg\n"/a/2, 3.jpg"\n'),
        (".csv", 'filename\n/a/1.jpg\n"/a/2, 3.jpg"\n'),
        (".csv", 'label,Filename\ncat,/a/1.jpg\ndog,"/a/2, 3.jpg"\n'),
    ],
)
def test_an_array_with_its_names_beside_it_is_read(suffix: str, names: str, tmp_path: Path) -> None:
    vectors = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    found = read_user_embeddings(save(tmp_path, names, vectors, suffix))
    assert found.names == ("/a/1.jpg", "/a/2, 3.jpg")
    assert isinstance(found.vectors, np.memmap)
    assert np.array_equal(found.vectors, vectors)
    assert found.width == 3


@pytest.mark.parametrize("kind", [str, bytes])
def test_one_file_with_both_arrays_is_read(kind, tmp_path: Path) -> None:
    names = np.array(["1.jpg", "é.jpg"] if kind is str else [b"1.jpg", "é.jpg".encode()])
    np.savez(tmp_path / "v.npz", filenames=names, embeddings=np.ones((2, 4), np.float16))
    found = read_user_embeddings(str(tmp_path / "v.npz"))
    assert found.names == ("1.jpg", "é.jpg")
    assert found.vectors.shape == (2, 4)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "v.npy", np.array([[Trap()]], object), allow_pickle=True)
    (tmp_path / "v.txt").write_text("a\n")
    names = np.array([Trap()], object)
    np.savez(tmp_path / "w.npz", allow_pickle=True, filenames=names, embeddings=np.ones((1, 1)))
    for name in ("v.npy", "w.npz"):
        with pytest.raises(InvalidParameterError):
            read_user_embeddings(str(tmp_path / name))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("names", "vectors", "problem"),
    [
        ("a\nb\n", np.ones((3, 2)), "3 rows for 2 names"),
        ("a\nb\n", np.ones(2), "shape"),
        ("a\nb\n", np.ones((2, 0)), "shape"),
        ("a\nb\n", np.ones((2, 2), complex), "complex"),
        ("a\nb\n", np.array([["x"], ["y"]]), "type"),
        ("a\nb\na\nc\nb\n", np.ones((5, 2)), "2 of 5 names are there more than once.*'a', 'b'"),
    ],
)
def test_what_does_not_fit_is_one_line_with_a_remedy(
    names: str, vectors: NDArray, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match=problem) as caught:
        read_user_embeddings(save(tmp_path, names, vectors))
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


def test_files_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, "a\n", np.ones((1, 2)))
    (tmp_path / "vectors.csv").write_text("a\n")
    cases = {"vectors.npy": "two lists", "none.npy": "can't be read", "none.npz": "can't be read"}
    for suffix in ("npy", "npz"):
        (tmp_path / f"cut.{suffix}").write_bytes(Path(path).read_bytes()[:50])
        cases[f"cut.{suffix}"] = "can't be used"
    (tmp_path / "cut.txt").write_text("a\n")
    np.savez(tmp_path / "other.npz", names=["a"], embeddings=np.ones((1, 2)))
    np.savez(tmp_path / "numbers.npz", filenames=[1], embeddings=np.ones((1, 2)))
    np.save(tmp_path / "alone.npy", np.ones((1, 2)))
    cases |= {"other.npz": "filenames", "numbers.npz": "text", "alone.npy": "no list of names"}
    for name, problem in cases.items():
        with pytest.raises(InvalidParameterError, match=problem) as caught:
            read_user_embeddings(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_csv_of_several_columns_needs_a_heading(tmp_path: Path) -> None:
    path = save(tmp_path, "cat,/a/1.jpg\ndog,/a/2.jpg\n", np.ones((2, 2)), ".csv")
    with pytest.raises(InvalidParameterError, match="column 'filename'"):
        read_user_embeddings(path)


names_of_files = st.text(
    st.characters(blacklist_characters="\0", blacklist_categories=()), min_size=1, max_size=12
).filter(lambda name: not any("\ud800" <= mark <= "\udfff" for mark in name))


@given(st.lists(names_of_files, min_size=1, max_size=8, unique=True), st.data())
@settings(deadline=None, max_examples=40)
def test_what_is_written_is_read_again(tmp_path_factory, names, data) -> None:
    names = [f"s3://bucket/{name}" for name in names]  # never a file of this machine
    kind = data.draw(st.sampled_from(["f2", "f4", "f8", "i4", "u1"]))
    vectors = np.arange(3 * len(names)).reshape(-1, 3).astype(kind)
    path = write_user_embeddings(names, vectors, tmp_path_factory.mktemp("own"))
    found = read_user_embeddings(str(path))
    assert list(found.names) == names
    assert found.vectors.dtype == vectors.dtype
    assert np.array_equal(found.vectors, vectors)


def test_file_names_that_are_no_unicode_survive(tmp_path: Path) -> None:
    name = os.fsdecode(b"/a/\xff.jpg")
    path = write_user_embeddings([name], np.ones((1, 2)), tmp_path)
    assert read_user_embeddings(str(path)).names == (name,)


def test_the_same_array_has_the_same_path_and_another_one_another(tmp_path: Path) -> None:
    vectors = np.ones((2, 2))
    first = write_user_embeddings(["s3://a", "s3://b"], vectors, tmp_path)
    assert write_user_embeddings(["s3://a", "s3://b"], vectors, tmp_path) == first
    others = {
        write_user_embeddings(["s3://a", "s3://c"], vectors, tmp_path),
        write_user_embeddings(["s3://a", "s3://b"], vectors * 2, tmp_path),
    }
    assert len(others | {first}) == 3
    assert len({read_user_embeddings(str(path)).digest for path in others | {first}}) == 3
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv"] * 3 + [".npy"] * 3


def test_files_are_read_once_and_again_when_they_changed(tmp_path: Path) -> None:
    path = save(tmp_path, "a\n", np.ones((1, 2)))
    first = read_user_embeddings(path)
    assert read_user_embeddings(path) is first
    reference = UserEmbeddingsReference(path=path, digest=first.digest, folders=())
    assert reference.load() is first
    save(tmp_path, "other\n", np.ones((1, 2)))
    assert read_user_embeddings(path).names == ("other",)
    with pytest.raises(StaleReferenceError, match="changed during the run"):
        reference.load()


def test_relative_names_of_files_that_exist_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.jpg").touch()
    path = write_user_embeddings([Path("here.jpg"), "there.jpg"], np.ones((2, 2)), tmp_path)
    assert read_user_embeddings(str(path)).names == (str(tmp_path / "here.jpg"), "there.jpg")


def test_an_array_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="3 rows for 1 names"):
        write_user_embeddings(["a"], np.ones((3, 2)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_vectors_come_in_the_order_of_the_contents() -> None:
    items = items_of(("/in/b.jpg", 0), ("/in/bad.jpg", None), ("/in/x/a.jpg", 1))
    found = match_user_embeddings(named("/in/x/a.jpg", "/in/b.jpg"), items, ["/in"])
    assert found.dtype == np.float32
    assert found.tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize(
    ("filename", "folder", "name"),
    [
        ("/in/x/a.jpg", "/in", "x/a.jpg"),
        ("/in/x/a.jpg", "/in/", "./x/a.jpg"),
        ("/in/x/a.jpg", "/in/x", "a.jpg"),
        ("s3://bucket/some/a.jpg", "s3://bucket/some/", "a.jpg"),
        ("s3://bucket/some/a.jpg", "s3://bucket", "s3://bucket/some/a.jpg"),
        ("/in/v.mp4#t=12.0", "/in", "v.mp4#t=12.0"),
        ("/in/a.tar!b/c.jpg", "/in", "a.tar!b/c.jpg"),
    ],
)
def test_names_may_be_relative_to_an_input_folder(filename: str, folder: str, name: str) -> None:
    found = match_user_embeddings(named(name), items_of((filename, 0)), ["/elsewhere", folder])
    assert found.tolist() == [[1, 2]]


def test_a_relative_input_folder_is_seen_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    items = items_of((str(tmp_path / "in" / "a.jpg"), 0))
    assert match_user_embeddings(named("a.jpg"), items, ["in"]).tolist() == [[1, 2]]


def test_copies_share_the_vector_of_the_first_that_has_one() -> None:
    items = items_of(("/in/1", 0), ("/in/2", 1), ("/in/3", 0), ("/in/4", 0))
    assert match_user_embeddings(named("/in/4", "/in/3", "/in/2"), items, []).tolist() == [
        [3, 4],
        [5, 6],
    ]
    assert match_user_embeddings(named("/in/4", "/in/1", "/in/2"), items, []).tolist() == [
        [3, 4],
        [5, 6],
    ]


def test_images_without_a_vector_are_counted_and_named() -> None:
    items = items_of(*[(f"/in/{number}", number) for number in range(1000)])
    given = named(*[f"/in/{number}" for number in range(1000) if number not in (7, 8, 9)])
    with pytest.raises(InvalidParameterError, match=r"3 of 1,000 images have no.*'/in/7', '/in/8'"):
        match_user_embeddings(given, items, ["/in"])


def test_surplus_names_are_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    match_user_embeddings(named("/in/1", "/in/2", "/in/3"), items_of(("/in/2", 0)), [])
    assert "2 of the 3 user embeddings are not used" in caplog.text


def test_a_name_that_means_two_images_is_refused() -> None:
    items = items_of(("/train/a.jpg", 0), ("/test/a.jpg", 1))
    with pytest.raises(InvalidParameterError, match=r"1 name of embeddings .* several"):
        match_user_embeddings(named("a.jpg"), items, ["/train", "/test"])
    exact = match_user_embeddings(named("/train/a.jpg", "/test/a.jpg"), items, ["/train", "/test"])
    assert exact.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_no_float32_are_counted_with_file_names(bad: float) -> None:
    given = named("/in/1", "/in/2", "/in/3", vectors=[[1.0, 2], [bad, 1], [1, bad]])
    items = items_of(("/in/1", 0), ("/in/2", 1), ("/in/3", 2))
    with pytest.raises(InvalidParameterError, match=r"2 of 3 .*not finite.*'/in/2', '/in/3'"):
        match_user_embeddings(given, items, [])
    assert match_user_embeddings(given, items_of(("/in/1", 0)), []).tolist() == [[1, 2]]


def test_all_zero_vectors_are_counted_with_file_names() -> None:
    given = named("/in/1", "/in/2", vectors=[[0, 2], [0, 0]])
    items = items_of(("/in/1", 0), ("/in/2", 1))
    with pytest.raises(InvalidParameterError, match=r"1 of 2 embeddings are all zero.*'/in/2'"):
        match_user_embeddings(given, items, [])


def test_crops_have_no_user_embeddings() -> None:
    items = items_of(("/in/1", 0), ("/in/1", 1), ("/in/2", 2))
    with pytest.raises(InvalidParameterError, match="1 of 2 images are analysed as several crops"):
        match_user_embeddings(named("/in/1", "/in/2"), items, [])
