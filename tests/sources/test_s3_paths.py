"""Where objects lie in a mirror, for any key."""

from __future__ import annotations

import os
import unicodedata
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.sources.s3_mirror import MAX_PATH, folder_name, mirror_path

PARTS = [
    *("..", ".", "", "a", "A", "a.jpg", "A.jpg", "a.JPG", "con", "nul.jpg", "x" * 300, "ß", "SS"),
    *("é", "e\u0301", "a~b", "a.", "a ", "-rf", "~", "long~", "a\nb.jpg", "日" * 90 + ".png", "~d"),
]
keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("/".join),
    st.lists(st.sampled_from(["", "a", "A"]), min_size=1, max_size=512).map("/".join),
)


def as_sloppy_file_systems_see(path: os.PathLike[str]) -> str:
    return unicodedata.normalize("NFD", os.fspath(path)).casefold()


@given(keys)
def test_every_file_lies_inside(key: str) -> None:
    path = mirror_path(key)
    assert not path.is_absolute()
    assert os.path.normpath(path) == str(path)
    assert not {"", ".", ".."} & set(path.parts)
    assert len(str(path).encode()) <= MAX_PATH


@given(keys)
def test_every_part_is_a_name_that_file_systems_take(key: str) -> None:
    for part in mirror_path(key).parts:
        assert 0 < len(part.encode()) <= 255
        assert not set(part) & set('\0\n\r\t<>:"|?*\\/')
        assert part[-1] not in ". "
        assert part.split(".")[0].rstrip() not in {"con", "nul", "aux", "prn"}


@given(st.lists(keys, min_size=2, max_size=12, unique=True))
def test_two_keys_never_share_a_file_nor_is_one_the_folder_of_another(many: list[str]) -> None:
    paths = [as_sloppy_file_systems_see(mirror_path(key)) for key in many]
    assert len(set(paths)) == len(many)
    for one, other in combinations(paths, 2):
        assert not one.startswith(f"{other}/")
        assert not other.startswith(f"{one}/")


@pytest.mark.parametrize(
    "pair",
    [
        ("a/b.jpg", "A/b.jpg"),
        ("a.jpg", "a.JPG"),
        ("a.jpg", "a.jpg/b.jpg"),
        ("a/b", "a/b/c.jpg"),
        ("é.jpg", "e\u0301.jpg"),
        ("x" * 1000 + ".jpg", "x" * 1001 + ".jpg"),
        ("a//b.jpg", "a/b.jpg"),
        ("/a.jpg", "a.jpg"),
        ("a/../b.jpg", "b.jpg"),
        ("k.jpg", "\u212a.jpg"),
    ],
)
def test_keys_that_collide_elsewhere(pair: tuple[str, str]) -> None:
    one, other = (as_sloppy_file_systems_see(mirror_path(key)) for key in pair)
    assert one != other
    assert not one.startswith(f"{other}/")
    assert not other.startswith(f"{one}/")


def test_a_path_can_be_taken_for_a_key_without_meeting_it() -> None:
    for key in ("A.jpg", "../x.jpg", "x" * 900 + "/y.jpg"):
        path = str(mirror_path(key))
        assert str(mirror_path(path)) != path


@pytest.mark.parametrize(
    "key", ["photos/2024-05/cat 1.jpg", "train/n01/img_0001.jpeg", "v1.0/x.png"]
)
def test_ordinary_keys_stay_as_they_are(key: str) -> None:
    assert str(mirror_path(key)) == key


@pytest.mark.parametrize("key", ["Photos/IMG_0001.JPG", "фото/кот.jpg", "a:b/c?d.png"])
def test_other_keys_can_still_be_read(key: str) -> None:
    for part, shown in zip(key.split("/"), mirror_path(key).parts, strict=True):
        stem = part.partition(".")[0].replace(":", "_").replace("?", "_")
        assert shown.startswith(f"{stem}~")


def test_the_mapping_does_not_change() -> None:
    assert str(mirror_path("Photos/IMG_0001.JPG")) == FIXED
    assert folder_name("127.0.0.1:9000").startswith("127.0.0.1_9000~d")


FIXED = "Photos~dptzcrdsezlrak7tngx7yqdtpq4/IMG_0001~fmiyoh63mg2egfzuqqm3nhm4mni.jpg"
