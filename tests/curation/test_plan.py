"""What a plan proposes, and why: on tables with planted truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.curation.decisions import Decision, Kind, decide
from imgvet.curation.plan import make_plan, plan_lines
from imgvet.curation.rules import Rules, make_rules
from imgvet.errors import ImgvetError, InvalidParameterError
from imgvet.progress import Progress, listening
from imgvet.search.saved_lists import save_list
from imgvet.store.references import digest_file
from imgvet.workdir import WorkDir
from support.planted_run import Rows, planted_run

SAME: dict[str, Any] = {"digest": "f" * 32, "at": 0}
"""Images with the same bytes."""


def said(work: WorkDir, **rules: Any) -> dict[str, tuple[str, str, str | None]]:
    """By the stem of a file: action, list, and the stem of what stays for it."""
    plan = make_plan(work, make_rules(rules))
    stems = plan["kept"].map(lambda name: Path(name).stem, na_action="ignore")
    stems = stems.astype(object).where(stems.notna(), None)
    names = plan["filename"].map(lambda name: Path(name).stem)
    return dict(zip(names, zip(plan["action"], plan["list"], stems, strict=True), strict=True))


def reason(work: WorkDir, stem: str, **rules: Any) -> str:
    plan = make_plan(work, make_rules(rules))
    return str(plan["reason"][plan["filename"].str.endswith(f"/{stem}.jpg")].item())


def near(*pairs: tuple[int, int], similarity: float = 0.95, **columns: Any) -> Rows:
    return [{"from": one, "to": other, "similarity": similarity, **columns} for one, other in pairs]


def test_of_exact_copies_one_stays_the_first_listed_too(tmp_path: Path) -> None:
    work = planted_run(tmp_path, [SAME, {**SAME, "filename": "/photos/0 copy.jpg"}, {}])
    assert said(work) == {"0": ("keep", "exact", "0"), "0 copy": ("remove", "exact", "0")}
    assert said(work, exact="review")["0 copy"] == ("review", "exact", "0")
    assert said(work, exact="off") == {}
    decide(work, Decision(Kind.KEEP_BOTH, SAME["digest"], SAME["digest"]))
    assert said(work) == {}


@pytest.mark.parametrize(
    ("keep", "images", "kept", "why"),
    [
        ("largest", [{}, {"width": 101}], "1", "it has the most pixels"),
        ("sharpest", [{"sharpness": 0.7}, {}], "1", "it is the sharpest"),
        ("least_compressed", [{}, {"file_size": 4000}], "1", "it is the least compressed"),
        ("least_compressed", [{"file_size": 4000}, {"format": "PNG"}], "1",
         "it is the least compressed"),
        ("labelled", [{}, {"label": "cat"}], "1", "more is known of it (label, split)"),
        ("folder:/gold", [{}, {"filename": "/gold/1.jpg"}], "1", "it lies in /gold"),
        ("folder:/gold", [{}, {"filename": "/golden/1.jpg"}], "0",
         "its name sorts first"),
        ("largest", [{}, {"filename": "/photos/1 (1).jpg"}], "0", "its name is the shortest"),
        ("largest", [{}, {"label": "cat"}], "1", "more is known of it (label, split)"),
    ],
)  # fmt: skip
def test_which_stays_has_a_reason(
    tmp_path: Path, keep: str, images: Rows, kept: str, why: str
) -> None:
    work = planted_run(tmp_path, images, near((0, 1)))
    found = said(work, near="remove", keep=[keep])
    (gone,) = (stem for stem, (action, *_) in found.items() if action == "remove")
    assert found[gone][2] == kept
    assert reason(work, gone, near="remove", keep=[keep]).endswith(f"the other stays, as {why}")


def test_criteria_count_in_their_order(tmp_path: Path) -> None:
    images = [{"width": 200, "sharpness": 0.5}, {"width": 100, "sharpness": 0.9}]
    work = planted_run(tmp_path, images, near((0, 1)))
    assert said(work, near="remove", keep=["largest", "sharpest"])["1"][0] == "remove"
    assert said(work, near="remove", keep=["sharpest", "largest"])["0"][0] == "remove"


def test_the_oldest_is_told_by_the_disk(tmp_path: Path) -> None:
    import os

    old, new = tmp_path / "b.jpg", tmp_path / "a.jpg"
    for path, moment in ((old, 1), (new, 2)):
        path.touch()
        os.utime(path, (moment, moment))
    images = [{"filename": str(new)}, {"filename": str(old)}]
    work = planted_run(tmp_path / "out", images, near((0, 1)))
    assert said(work, near="remove", keep=["oldest"])["a"] == ("remove", "near", "b")


@pytest.mark.parametrize("trait", ["label", "split"])
@pytest.mark.parametrize("other", [{}, {"digest": "0" * 32, "at": 0}])
def test_what_would_lose_a_label_or_a_split_is_left_to_a_person(
    tmp_path: Path, trait: str, other: dict[str, Any]
) -> None:
    images = [{trait: "a", "width": 300}, {trait: "b", **other}]
    work = planted_run(tmp_path, images, [] if other else near((0, 1)))
    assert said(work, near="remove")["1"][0] == "review"
    assert f"but {trait}s differ" in reason(work, "1", near="remove")
    if not other:
        alone = planted_run(tmp_path / "x", [{"width": 300}, {trait: "b"}], near((0, 1)))
        assert said(alone, near="remove", keep=["largest"])["1"][0] == "review"


def test_a_split_says_which_would_stay(tmp_path: Path) -> None:
    images = [{"label": "cat", "width": 300}, {"label": "cat", "split": "test"}]
    work = planted_run(tmp_path, images, near((0, 1)))
    assert said(work, near="remove", keep=["split:test"])["0"] == ("remove", "near", "1")


def test_chains_are_no_groups(tmp_path: Path) -> None:
    """Of images in a row, each like the next only, none goes that is unlike all that stay.

    Embeddings of one's own have any length.
    """
    images = [{"at": 4 * n, "width": 100 + (n == 0)} for n in range(5)]
    work = planted_run(tmp_path, images, near(*((n, n + 1) for n in range(4)), similarity=0.9976))
    np.save(work.embeddings, np.load(work.embeddings) * np.float32([[1], [3], [0.5], [9], [7]]))
    found = said(work, near="remove", near_threshold=0.997)
    assert {stem: one[2] for stem, one in found.items() if one[0] == "remove"} == {
        "1": "0",
        "3": "2",
    }


def test_near_duplicates_that_no_list_has_room_for_go_too(tmp_path: Path) -> None:
    """All are alike; the table lists few pairs, as each image has two neighbours."""
    work = planted_run(
        tmp_path, [{"at": n} for n in range(6)], near(*((n, n + 1) for n in range(5)))
    )
    found = said(work, near="remove")
    assert [one[0] for one in found.values()] == ["keep"] + ["remove"] * 5


def test_what_the_pixels_do_not_prove_is_reviewed(tmp_path: Path) -> None:
    pairs = [
        *near((0, 1), relation="resized", verified=100, from_shown=1.0, to_shown=1.0),
        *near((2, 3), relation="similar only", verified=0),
        *near(
            (4, 5), similarity=0.5, relation="cropped", verified=90, from_shown=0.4, to_shown=1.0
        ),
        *near(
            (6, 7), similarity=0.5, relation="cropped", verified=90, from_shown=0.7, to_shown=0.7
        ),
    ]
    images: list[dict[str, Any]] = [{"width": 100 - n} for n in range(8)]
    work = planted_run(tmp_path, images, pairs)
    assert said(work, near="remove", contained="remove") == {
        "0": ("keep", "near", "0"),
        "1": ("remove", "near", "0"),
        "2": ("keep", "unproven", "2"),
        "3": ("review", "unproven", "2"),
        "4": ("keep", "contained", "4"),
        "5": ("remove", "contained", "4"),
        "6": ("keep", "contained", "6"),
        "7": ("review", "contained", "6"),
    }
    assert set(said(work, near="off", contained="off")) == {"2", "3"}


def test_a_copy_is_said_to_go_for_what_stays_in_the_end(tmp_path: Path) -> None:
    images = [SAME, {**SAME, "filename": "/photos/0 copy.jpg"}, {"width": 300, "at": 1}]
    work = planted_run(tmp_path, images, near((0, 2)))
    assert said(work, near="remove") == {
        "2": ("keep", "near", "2"),
        "0": ("remove", "near", "2"),
        "0 copy": ("remove", "exact", "2"),
    }


def test_what_is_bad_is_not_what_others_go_for(tmp_path: Path) -> None:
    images = [{"width": 300, "percentile_99": 20}, {}]
    work = planted_run(tmp_path, images, near((0, 1)))
    assert said(work, near="remove", dark="remove") == {"0": ("remove", "dark", None)}
    found = said(work, near="remove", dark="review")
    assert (found["0"], found["1"]) == (("review", "dark", None), ("remove", "near", "0"))


def test_each_list_has_a_switch_and_a_threshold(tmp_path: Path) -> None:
    images = [
        {"status": "truncated"}, {"status": "unreadable"}, {"percentile_99": 60},
        {"percentile_5": 240}, {"sharpness": 0.3}, {}, {"label": "cat"},
    ]  # fmt: skip
    outliers = [{"id": 5, "nearest": 0, "similarity": 0.2, "score": 4.0}]
    issues = [
        {"id": 6, "label": "cat", "suggested_label": "dog", "score": 0.1, "is_issue": True},
        {"id": 5, "label": None, "suggested_label": None, "score": None, "is_issue": False},
    ]
    work = planted_run(tmp_path, images, (), outliers, label_issues=pd.DataFrame(issues))
    names = ("invalid", "dark", "bright", "blurry", "outlying", "mislabelled")
    assert {stem: one[0] for stem, one in said(work).items()} == {
        "0": "remove", "1": "review", **dict.fromkeys("23456", "review"),
    }  # fmt: skip
    for action in ("remove", "review"):
        found = said(work, **dict.fromkeys(names, action))
        assert {stem: one[:2] for stem, one in found.items()} == {
            "0": (action, "invalid"), "1": ("review", "invalid"), "2": (action, "dark"),
            "3": (action, "bright"), "4": (action, "blurry"), "5": (action, "outlying"),
            "6": (action, "mislabelled"),
        }  # fmt: skip
    assert said(work, **dict.fromkeys(names, "off")) == {}
    limits = {
        "invalid_reasons": "unreadable", "dark_threshold": 50, "bright_threshold": 250,
        "blur_threshold": 0.2, "outlier_score": 4.5, "mislabelled_score": 0.05,
    }  # fmt: skip
    assert {stem: one[0] for stem, one in said(work, **limits).items()} == {
        "0": "review",
        "1": "remove",
    }
    assert "labelled cat, likely dog" in reason(work, "6")


@pytest.mark.parametrize("words", ["truncatd", ["corrupt", "ok"], "Corrupt"])
def test_a_reason_that_is_none_is_refused_by_name(words: str | list[str]) -> None:
    with pytest.raises(InvalidParameterError, match=r"is no reason: known are missing, .*corrupt"):
        make_rules({"invalid_reasons": words})


def test_labels_that_contradict_are_left_to_a_person(tmp_path: Path) -> None:
    issue = {"id": 0, "label": "cat", "suggested_label": None, "score": None, "is_issue": True}
    issues = pd.DataFrame([{**issue, "conflict": True}])
    work = planted_run(tmp_path, [{"label": "cat"}], label_issues=issues)
    assert said(work, mislabelled="remove") == {"0": ("review", "mislabelled", None)}
    assert reason(work, "0") == "labelled cat; a copy has another label"


def test_leaks_are_left_to_a_person(tmp_path: Path) -> None:
    images = [{"split": "train"}, {"split": "test"}, {"split": "val"}]
    leaks = pd.DataFrame(
        [{"from": 0, "to": 1, "similarity": 0.97, "split": "train", "other_split": "test"},
         {"from": 0, "to": 2, "similarity": 0.91, "split": "train", "other_split": "val"}]
    )  # fmt: skip
    work = planted_run(tmp_path, images, leaks=leaks)
    found = said(work, keep=["split:test"], leak_threshold=0.95)
    assert found == {"1": ("keep", "leaking", "1"), "0": ("review", "leaking", "1")}
    assert "in train and test; the other would stay, as it is in split test" in reason(
        work, "0", keep=["split:test"], leak_threshold=0.95
    )
    assert said(work, leaking="off") == {}
    with pytest.raises(InvalidParameterError, match="leaking"):
        make_rules({"leaking": "remove"})


def test_what_goes_is_not_told_to_stay(tmp_path: Path) -> None:
    """0 goes for 1, which is in the same split; beside 2, in another one, it would have stayed."""
    images: Rows = [{"split": "train"}, {"split": "train", "width": 200}, {"split": "test"}]
    leaks = pd.DataFrame(
        [{"from": one, "to": 2, "similarity": 0.97, "split": "train", "other_split": "test"}
         for one in (0, 1)]
    )  # fmt: skip
    work = planted_run(tmp_path, images, near((0, 1)), leaks=leaks)
    why = "a near duplicate; the other stays, as it has the most pixels"
    assert reason(work, "0", near="remove") == why
    assert reason(work, "0") == f"{why}; also in test and train, and would stay"
    assert reason(work, "1") == "stays for 1 image like it; also in test and train, and would stay"


def test_protected_folders_are_never_touched(tmp_path: Path) -> None:
    images = [
        {"filename": "/gold/a.jpg", "percentile_99": 20}, {**SAME, "filename": "/gold/b.jpg"},
        {**SAME, "filename": "/c.jpg"}, {"filename": "/gold/d.jpg", "status": "truncated"},
        {"filename": "/gold/e.jpg", "at": 90}, {"filename": "/gold/f.jpg", "at": 91},
    ]  # fmt: skip
    work = planted_run(tmp_path, images, near((4, 5)))
    found = said(work, protect="/gold/", near="remove", dark="remove")
    assert {stem: one[0] for stem, one in found.items() if one[0] != "keep"} == {"c": "remove"}
    assert found["c"][2] == "b"
    assert {stem for stem, one in found.items() if one[1] == "protected"} == {"a", "d", "f"}
    with pytest.raises(InvalidParameterError, match="no image of the run lies there"):
        said(work, protect="/gol")


def test_two_names_of_a_file_are_left_to_a_person(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "a.jpg").touch()
    (folder / "link").symlink_to(folder / "real")
    (folder / "real" / "b.jpg").symlink_to(folder / "real" / "a.jpg")
    names = ("real/a.jpg", "link/a.jpg", "real/b.jpg")
    work = planted_run(tmp_path / "out", [{**SAME, "filename": str(folder / n)} for n in names])
    plan = make_plan(work, Rules())
    assert set(plan["action"]) == {"keep", "review"}
    assert plan["reason"].str.contains("listed twice, as").sum() == 2


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    images = [
        {**SAME, "path": "/p.tar", "member": "a.jpg", "filename": "/p.tar!a.jpg"},
        {**SAME, "filename": "/photos/a long name.jpg"},
        {**SAME, "filename": "s3://photos/b.jpg"},
        {**SAME, "path": "/v.mp4", "time_ms": 0, "filename": "/v.mp4#t=0.0"},
    ]
    plan = make_plan(planted_run(tmp_path, images), Rules())
    assert dict(zip(plan["place"], plan["action"], strict=True)) == {
        "archive": "remove", "file": "keep", "bucket": "remove", "frame": "remove",
    }  # fmt: skip


def test_a_saved_list_is_removed(tmp_path: Path) -> None:
    work = planted_run(tmp_path, [{}, {}])
    save_list(work, "odd ones", ["/photos/1.jpg"])
    assert said(work, lists="odd ones") == {"1": ("remove", "listed", None)}
    with pytest.raises(InvalidParameterError, match="There is no list 'other'"):
        said(work, lists="other")


def test_decisions_hold_in_later_plans(tmp_path: Path) -> None:
    images = [{}, {"width": 90}, {"percentile_99": 20}, {"label": "cat"}]
    issue = {"id": 3, "label": "cat", "suggested_label": "dog", "score": 0.1, "is_issue": True}
    work = planted_run(tmp_path, images, near((0, 1)), label_issues=pd.DataFrame([issue]))
    assert set(said(work)) == {"0", "1", "2", "3"}
    digests = [f"{number:032x}" for number in range(4)]
    pair = Decision(Kind.NOT_A_DUPLICATE, digests[1], digests[0])
    decide(work, pair, Decision(Kind.KEEP, digests[2]))
    decide(work, pair, Decision(Kind.LABEL_IS_RIGHT, digests[3]))
    assert said(work) == {}
    assert work.decisions.read_text().count("\n") == 4


def test_rules_that_can_t_be_are_refused(tmp_path: Path) -> None:
    for rules in (
        {"keep": "biggest"}, {"near": "delete"}, {"nearest": "remove"}, {"dark_threshold": 300},
    ):  # fmt: skip
        with pytest.raises(ImgvetError):
            make_rules(rules)
    work = planted_run(tmp_path, [{}])
    with pytest.raises(InvalidParameterError, match="Run again with --threshold"):
        make_plan(work, make_rules({"near_threshold": 0.5}))


def test_the_same_results_give_the_same_plan(tmp_path: Path) -> None:
    images = [
        {"at": n % 7, "width": 100 + n % 3, **(SAME if n % 5 == 0 else {})} for n in range(40)
    ]
    work = planted_run(tmp_path, images, near(*((n, n + 7) for n in range(30))))
    first, again = (make_plan(work, Rules(near="remove")) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


@st.composite
def _runs(draw: st.DrawFn) -> tuple[Rows, Rows]:
    size = draw(st.integers(2, 12))
    value = st.sampled_from([None, "a", "b"])
    contents = draw(st.lists(st.integers(0, 7), min_size=size, max_size=size))
    images = [
        {"digest": f"{one:032x}", "at": 5 * one, "width": draw(st.integers(10, 12)),
         "label": draw(value), "split": draw(value),
         "percentile_99": draw(st.sampled_from([20, 250])),
         "filename": f"/{draw(st.sampled_from(['gold', 'photos']))}/{number}.jpg"}
        for number, one in enumerate(contents)
    ]  # fmt: skip
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(
        lambda p: p[0] < p[1]
    )
    return images, near(*draw(st.lists(ends, max_size=15, unique=True)))


@settings(max_examples=25)
@given(run=_runs(), dark=st.sampled_from(["remove", "review", "off"]))
def test_nothing_goes_without_what_it_goes_for(
    tmp_path_factory: pytest.TempPathFactory, run: tuple[Rows, Rows], dark: Any
) -> None:
    images, pairs = run
    work = planted_run(tmp_path_factory.mktemp("run"), images, pairs)
    gold = any(str(image["filename"]).startswith("/gold") for image in images)
    rules = Rules(near="remove", dark=dark, protect=("/gold",) if gold else ())
    plan = make_plan(work, rules)
    assert not plan["filename"].duplicated().any()
    action = plan.set_index("filename")["action"]
    known = {str(image["filename"]): image for image in images}
    for row in plan[plan["action"] == "remove"].to_dict("records"):
        assert not str(row["filename"]).startswith("/gold")
        if row["list"] != "dark":
            assert action[row["kept"]] != "remove"
            mine, other = known[str(row["filename"])], known[str(row["kept"])]
            for trait in ("label", "split"):
                assert mine[trait] in (None, other[trait]), "nothing that is known is lost"


def test_the_label_of_most_stays_and_the_others_are_for_a_person(tmp_path: Path) -> None:
    images = [
        {**SAME, "filename": "/photos/a.jpg", "label": "dog"},
        {**SAME, "filename": "/photos/copy of a.jpg", "label": "cat"},
        {**SAME, "filename": "/photos/another copy.jpg", "label": "cat"},
        {"filename": "/photos/b.jpg", "label": "bird"},
        {"filename": "/photos/b 2.jpg", "label": "cow", "width": 90},
        {"filename": "/photos/b 3.jpg", "label": "cow", "width": 80},
    ]
    work = planted_run(tmp_path, images, near((3, 4), (3, 5), (4, 5)))
    plan = make_plan(work, make_rules({"keep": "majority_label"})).set_index("id")
    assert plan.loc[[0, 2], "kept"].tolist() == ["/photos/copy of a.jpg"] * 2
    assert plan.loc[[0, 2], "action"].tolist() == ["review", "review"]
    assert "labels differ" in plan.loc[3, "reason"]
    assert plan.loc[3, "kept"] == "/photos/b 2.jpg"
    assert plan.loc[5, "kept"] == "/photos/b 2.jpg"
    largest = make_plan(work, make_rules({"keep": "largest"})).set_index("id")
    assert largest.loc[4, "kept"] == "/photos/b.jpg"


def film(path: Path, *digests: str, **more: Any) -> Rows:
    """The frames of a film; those of one digest have the same bytes."""
    return [
        {"filename": f"{path}#t={at}.0", "path": str(path), "time_ms": 1000 * at,
         "digest": digest * 32, "at": 9 * int(digest, 16), **more}
        for at, digest in enumerate(digests)
    ]  # fmt: skip


def whole_files(work: WorkDir, **rules: Any) -> dict[str, tuple[str, str | None]]:
    """By its name the action of a whole file, and the name of the one that stays for it."""
    plan = make_plan(work, make_rules(rules))
    rows = plan[plan["list"] == "whole_file"]
    kept = rows["kept"].map(lambda name: Path(name).name, na_action="ignore").astype(object)
    pairs = zip(rows["action"], kept.where(kept.notna(), None), strict=True)
    return dict(zip(rows["filename"].map(lambda name: Path(name).name), pairs, strict=True))


def test_a_film_of_which_every_frame_goes_goes_itself_if_its_bytes_stay(tmp_path: Path) -> None:
    for name in ("a.mp4", "copy.mp4", "remux.mp4", "part.mp4"):
        (tmp_path / name).write_bytes(name.encode() if name in ("remux.mp4", "part.mp4") else b"a")
    frames = [
        *film(tmp_path / "a.mp4", "d", "e", "e"),
        *film(tmp_path / "copy.mp4", "d", "e", "e"),
        *film(tmp_path / "remux.mp4", "d", "e"),
        *film(tmp_path / "part.mp4", "d", "f"),
    ]
    work = planted_run(tmp_path / "out", frames)
    copies = {"a.mp4": ("keep", "a.mp4"), "copy.mp4": ("remove", "a.mp4")}
    assert whole_files(work) == copies | {"remux.mp4": ("review", None)}
    assert whole_files(work, whole_files="remove")["remux.mp4"] == ("remove", None)
    assert whole_files(work, whole_files="off") == {}
    assert "6 images and 1 archive or video (1 byte)" in plan_lines(make_plan(work, Rules()))[0]
    decide(work, Decision(Kind.KEEP, digest_file(tmp_path / "remux.mp4")))
    assert whole_files(work) == copies


def test_of_whole_files_only_those_are_read_whose_bytes_are_asked_for_and_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.store.references._LONG", 1 << 20)
    frames = []
    for name, size in (("a.mp4", 3 << 20), ("copy.mp4", 3 << 20), ("remux.mp4", 2 << 20)):
        (tmp_path / name).write_bytes(bytes(size))
        os.utime(tmp_path / name, (1e9, 1e9))
        frames += film(tmp_path / name, "d", "e", "e")
    work = planted_run(tmp_path / "out", frames)
    told: list[Progress] = []
    with listening(told.append):
        first = make_plan(work, Rules())
    assert {state.total for state in told} == {8}
    assert {1, 8} <= {state.done for state in told}
    told.clear()
    with listening(told.append):
        assert make_plan(work, Rules()).equals(first)
    assert not told
    (tmp_path / "copy.mp4").write_bytes(b"x" * (3 << 20))
    with listening(told.append):
        assert whole_files(work)["copy.mp4"] == ("review", None)
    assert told[-1].total == 3


def test_a_film_that_another_one_shows_is_for_a_person(tmp_path: Path) -> None:
    frames = [*film(tmp_path / "a.mp4", "1", "2", width=200), *film(tmp_path / "b.mp4", "5", "6")]
    pair = {"video": str(tmp_path / "a.mp4"), "other": str(tmp_path / "b.mp4"), "offset_ms": 0.0}
    counts = dict.fromkeys(("frames", "shared_frames", "other_frames", "other_shared_frames"), 2)
    aligned, apart = (
        pd.DataFrame([{**pair, **counts, **more}]) for more in ({}, {"offset_ms": np.nan})
    )
    work = planted_run(tmp_path / "out", frames, video_pairs=aligned)
    assert whole_files(work) == {"b.mp4": ("review", None)}
    assert whole_files(work, protect=str(tmp_path)) == {}
    assert whole_files(planted_run(tmp_path / "x", frames, video_pairs=apart)) == {}


def test_frames_like_others_of_their_film_are_no_work_for_a_person(tmp_path: Path) -> None:
    frames = [*film(tmp_path / "a.mp4", "1", "1", "2", "3"), *film(tmp_path / "b.mp4", "f")]
    pairs = [*near((0, 2), (0, 4)), *near((2, 3), verified=0)]
    work = planted_run(tmp_path / "out", frames, pairs)
    names = {f"a.mp4#t={at}" for at in range(4)}
    assert set(said(work)) == {"a.mp4#t=0", "b.mp4#t=0"}
    found = said(work, same_video="remove", near="remove", whole_files="off")
    assert {name: found[name][:2] for name in names} == {
        "a.mp4#t=0": ("keep", "same_video"), "a.mp4#t=1": ("remove", "same_video"),
        "a.mp4#t=2": ("remove", "same_video"), "a.mp4#t=3": ("review", "same_video"),
    }  # fmt: skip
    decide(work, Decision(Kind.KEEP_LEFT, "1" * 32, "2" * 32))
    assert said(work)["a.mp4#t=2"] == ("remove", "near", "a.mp4#t=0")


def test_of_two_copies_of_a_film_one_stays_as_a_whole(tmp_path: Path) -> None:
    """Whichever of two frames is the less compressed, or has the shorter name."""
    frames = [*film(tmp_path / "a.mp4", *"123"), *film(tmp_path / "bb.mp4", *"456")]
    sizes = zip(frames, (4000, 4000, 1000, 1000, 1000, 4000), strict=True)
    frames = [{**row, "file_size": size} for row, size in sizes]
    work = planted_run(tmp_path / "out", frames, near((0, 3), (1, 4), (2, 5)))
    gone = {name for name, row in said(work, near="remove").items() if row[0] == "remove"}
    assert gone == {"bb.mp4#t=0", "bb.mp4#t=1", "bb.mp4#t=2"}
