"""Names of exported files."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.exchange.layout import portable_names
from imgvet.sources.kinds import is_image_name, split_ending

NAMES = st.lists(
    st.text(st.sampled_from("aAéé/\\.:\n é\u0301") | st.characters(), max_size=12)
    | st.text(min_size=200, max_size=300)
)


@settings(max_examples=50)
@given(NAMES, st.booleans())
def test_any_names_become_files_of_any_system_each_with_a_stem_of_its_own(
    names: list[str], flat: bool
) -> None:
    found = portable_names(names, ["PNG"] * len(names), flat=flat)
    stems = [unicodedata.normalize("NFC", split_ending(name)[0]).casefold() for name in found]
    assert len(set(stems)) == len(names)
    for name in found:
        parts = name.split("/")
        assert is_image_name(name)
        assert len(parts) == 1 or not flat
        assert all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        assert name.isprintable() or not any(ord(letter) < 32 for letter in name)
        assert not set(name) & set('<>:"|?*\\\n')


def test_usual_names_stay_as_they_are() -> None:
    names = ["a/1.jpg", "a/2.JPEG", "b/1.png", "café.webp"]
    assert portable_names(names, ["JPEG"] * 4) == ["a/1.jpg", "a/2.jpeg", "b/1.png", "café.webp"]


def test_names_of_devices_are_none_of_files() -> None:
    assert portable_names(["Aux/con.jpg", "console.jpg"]) == ["_Aux/_con.jpg", "console.jpg"]


def test_an_ending_that_is_none_of_an_image_is_followed_by_one() -> None:
    names = ["film.mp4#t=12.0", "photo", "scan.img"]
    found = portable_names(names, ["JPEG", "PNG", None])
    assert found == ["film.mp4#t=12.0.jpg", "photo.png", "scan.img"]


def test_the_same_stem_gets_a_number() -> None:
    found = portable_names(["x/a.jpg", "x/A.png", "x_a.jpg"], ["JPEG"] * 3, flat=True)
    assert found == ["x_a.jpg", "x_A_2.png", "x_a_3.jpg"]
