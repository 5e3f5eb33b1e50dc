"""Lists lie in the work dir, whatever they are called, and can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.errors import InvalidParameterError, WorkDirUnusableError
from imgvet.search.saved_lists import (
    delete_list,
    list_path,
    names_in_list,
    rename_list,
    restore_list,
    save_list,
    saved_lists,
)
from imgvet.sources.local import read_text_list
from imgvet.workdir import WorkDir


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../a", "a/b", "a\\b", "/etc/passwd", "a\0b", ".hidden", "a.txt/../../b",
        "a.b", "a\n", "con", "LPT1", " a", "a ", "a" * 81, "%2e%2e", "a:b", "-rf", "a\u202eb",
        "…", "é" * 90,
    ],
)  # fmt: skip
def test_a_name_that_may_lead_elsewhere_is_refused(tmp_path: Path, name):
    with pytest.raises(InvalidParameterError):
        save_list(WorkDir(tmp_path), name, ["/a.jpg"])
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None)
@given(name=st.text(max_size=90))
def test_a_list_lies_in_the_folder_of_lists_or_nowhere(name):
    work = WorkDir(Path("out"))
    try:
        path = list_path(work, name)
    except InvalidParameterError:
        return
    assert path.parent == work.path / "lists"
    assert path.stem == name
    assert len(path.name.encode()) < 255


names = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r/"), min_size=1)
    .filter(lambda text: text.strip(' "'))
    .map(lambda text: f"/{text}"),
    unique=True,
)


@settings(deadline=None)
@given(filenames=names)
def test_a_list_is_read_back(tmp_path_factory: pytest.TempPathFactory, filenames):
    work = WorkDir(tmp_path_factory.mktemp("list"))
    saved = save_list(work, "my list", filenames)
    assert (saved.count, saved.left_out) == (len(filenames), 0)
    assert list(read_text_list(saved.path)) == filenames


def test_names_with_line_breaks_are_left_out_and_counted(tmp_path: Path):
    saved = save_list(WorkDir(tmp_path), "a", ["/one\n/two", "/three\r", "/four"])
    assert (saved.count, saved.left_out) == (1, 2)
    assert saved.path.read_text() == "/four\n"


def test_a_list_is_replaced_only_if_that_is_asked_for(tmp_path: Path):
    work = WorkDir(tmp_path)
    save_list(work, "a", ["/one"])
    with pytest.raises(InvalidParameterError, match="already"):
        save_list(work, "a", ["/two"])
    assert saved_lists(work)[0].count == 1
    save_list(work, "a", ["/two", "/three"], replace=True)
    assert [(one.name, one.count) for one in saved_lists(work)] == [("a", 2)]


def test_links_are_not_followed(tmp_path: Path):
    work, outside = WorkDir(tmp_path / "out"), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("keep\n")
    save_list(work, "first", ["/one"])
    (work.path / "lists" / "link.txt").symlink_to(outside / "secret.txt")
    assert [one.name for one in saved_lists(work)] == ["first"]
    save_list(work, "link", ["/two"], replace=True)
    assert (outside / "secret.txt").read_text() == "keep\n"
    other = WorkDir(tmp_path / "other")
    other.path.mkdir()
    (other.path / "lists").symlink_to(outside)
    with pytest.raises(WorkDirUnusableError, match="is a link"):
        save_list(other, "a", ["/one"])


def test_lists_are_renamed_put_aside_and_brought_back(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    save_list(work, "one", ["/a.jpg"])
    save_list(work, "two", ["/b.jpg", "/c.jpg"])
    rename_list(work, "one", "three")
    assert [(one.name, one.count) for one in saved_lists(work)] == [("three", 1), ("two", 2)]
    with pytest.raises(InvalidParameterError, match="already"):
        rename_list(work, "two", "three")
    for act in (rename_list, lambda work, name, _: delete_list(work, name)):
        with pytest.raises(InvalidParameterError, match="no list"):
            act(work, "one", "four")
    delete_list(work, "two")
    assert [one.name for one in saved_lists(work)] == ["three"]
    restore_list(work, "two")
    assert names_in_list(work, "two") == ("/b.jpg", "/c.jpg")
    with pytest.raises(InvalidParameterError, match="was deleted"):
        restore_list(work, "two")
    delete_list(work, "two")
    save_list(work, "two", ["/d.jpg"])
    with pytest.raises(InvalidParameterError, match="already"):
        restore_list(work, "two")
