"""Where objects lie in a mirror, for any key."""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.sources.s3_mirror import file_name

PARTS = [
    *("..", ".", "", "a", "A", "a.jpg", "A.jpg", "a.JPG", "con", "nul.jpg", "x" * 300, "ß", "SS"),
    *("é", "e\u0301", "a~b", "a.", "a ", "-rf", "~", "long~", "a\nb.jpg", "日" * 90 + ".png", "~d"),
]
keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("/".join),
    st.lists(st.sampled_from(["", "a", "A"]), min_size=1, max_size=512).map("/".join),
)


def as_sloppy_file_systems_see(name: str) -> str:
    return unicodedata.normalize("NFD", name).casefold()


@given(keys)
def test_every_key_gives_one_name_that_file_systems_take(key: str) -> None:
    name = file_name(key)
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set('\0\n\r\t<>:"|?*\\/')
    assert name[-1] not in ". "
    assert name.split(".")[0].rstrip() not in {"con", "nul", "aux", "prn"}


@given(st.lists(keys, min_size=2, max_size=12, unique=True))
def test_two_keys_never_share_a_file(many: list[str]) -> None:
    names = [as_sloppy_file_systems_see(file_name(key)) for key in many]
    assert len(set(names)) == len(many)


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
    one, other = (as_sloppy_file_systems_see(file_name(key)) for key in pair)
    assert one != other


def test_a_name_can_be_taken_for_a_key_without_meeting_it() -> None:
    for key in ("A.jpg", "../x.jpg", "x" * 900 + "/y.jpg"):
        assert file_name(file_name(key)) != file_name(key)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("photos/2024-05/cat 1.jpg", "photos_2024-05_cat_1~*.jpg"),
        ("фото/кот.JPG", "фото_кот~*.jpg"),
        ("127.0.0.1:9000", "127_0_0_1_9000~*"),
        ("../clips/a film.mp4", "_clips_a_film~*.mp4"),
    ],
)
def test_keys_can_still_be_read(key: str, shown: str) -> None:
    assert fnmatchcase(file_name(key), shown)


def test_the_mapping_does_not_change() -> None:
    assert file_name("Photos/IMG_0001.JPG") == FIXED


FIXED = "Photos_IMG_0001~o4zk57wcysav7bkhxv2m22ltiy.jpg"
