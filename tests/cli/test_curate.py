"""The commands ``imgvet curate``: what they print, and by which code they end."""

from __future__ import annotations

import re
from pathlib import Path

import filelock
import pytest

from imgvet.cli.main import main
from imgvet.curation.rules import Rules
from imgvet.dataset import create
from imgvet.reports.pictures import inliner
from imgvet.reports.plan import propose
from imgvet.store.references import digest_bytes
from imgvet.workdir import WorkDir
from support.archives import write_zip
from support.finished_run import finish_run
from support.pictures import age, jpeg, photograph, write_photographs


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    """Three photographs, a copy of the first, the second once more, and one broken off."""
    photos = tmp_path / "photos"
    first = write_photographs(photos, 3)[0]
    (photos / "copy of 0.jpg").write_bytes(first.read_bytes())
    (photos / "near <1>.jpg").write_bytes(jpeg(photograph(1), quality=60))
    (photos / "broken.jpg").write_bytes(first.read_bytes()[:900])
    age(*photos.iterdir())
    return finish_run(photos, tmp_path / "out")


def test_plan_apply_and_undo_say_what_they_do(
    work: WorkDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quarantine = tmp_path / "q"
    photos = tmp_path / "photos"
    before = sorted(photos.iterdir())
    assert main(["curate", "plan", str(work.path), "--near", "remove"]) == 0
    out = capsys.readouterr().out
    assert "Remove  3 images" in out
    assert "1 exact, 1 invalid, 1 near" in out
    apply = ["curate", "apply", str(work.plan_csv), "--to", str(quarantine)]
    assert main(apply) == 0
    assert "Would move 3 files" in capsys.readouterr().out
    (photos / "broken.jpg").write_bytes(b"mended")
    assert main([*apply, "--yes"]) == 3
    out = capsys.readouterr().out
    assert f"  {photos / 'broken.jpg'} was changed since the plan was made" in out
    assert f"imgvet curate undo {quarantine}" in out
    assert main(["curate", "undo", str(quarantine)]) == 0
    assert "Brought 2 files back." in capsys.readouterr().out
    assert sorted(photos.iterdir()) == before


def test_of_crops_an_export_is_next_and_what_is_to_review_is_told(
    work: WorkDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = "row_y=10,col_x=20,height=60,width=80"
    crops = finish_run(tmp_path / "photos", work.path, bounding_box=box)
    assert main(["curate", "plan", str(crops.home), "--near", "review"]) == 0
    out = capsys.readouterr().out
    assert "Remove  2 crops  1 exact, 1 invalid" in out
    assert f"Next    imgvet export {crops.name} DEST --format FORMAT --plan {crops.plan_csv}" in out
    page = crops.plan_page.read_text().replace("\u00a0", " ")
    assert "2 crops would go, 1 waits for you" in page
    assert "curate apply" not in page
    assert main(["curate", "apply", str(crops.plan_csv), "--to", str(tmp_path / "q")]) == 0
    assert "1 row of the plan to review: left in place." in capsys.readouterr().out


def test_deleting_takes_a_confirmation_of_its_own(
    work: WorkDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["curate", "plan", str(work.path)])
    apply = ["curate", "apply", str(work.plan_csv), "--to", str(tmp_path / "q"), "--delete"]
    assert main([*apply, "2"]) == 0
    assert "Nothing was done" in capsys.readouterr().out
    assert main([*apply, "1", "--yes"]) == 2
    assert "--delete 2 confirms it" in capsys.readouterr().err
    assert len(list((tmp_path / "photos").iterdir())) == 6
    assert main([*apply, "2", "--yes"]) == 0
    out = capsys.readouterr().out
    assert ("Deleted 2 files for good." in out, "curate undo" in out) == (True, False)
    assert main(["curate", "undo", str(tmp_path / "q")]) == 0
    assert "2 files had been deleted for good" in capsys.readouterr().out


def test_rules_come_from_a_file_and_the_command_line_wins(
    work: WorkDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('exact = "off"\ninvalid = "off"\nnear = "remove"\nkeep = ["sharpest"]\n')
    plan = ["curate", "plan", str(work.path), "--rules", str(rules)]
    assert main(plan) == 0
    assert "Remove  1 image" in capsys.readouterr().out
    assert main([*plan, "--near", "off"]) == 0
    assert "Remove  0 images" in capsys.readouterr().out


def test_an_edited_plan_is_learned_from_and_not_replaced(
    work: WorkDir, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ["curate", "plan", str(work.path)]
    main(plan)
    text = work.plan_csv.read_bytes()
    work.plan_csv.write_bytes(text.replace(b'"review","near"', b'"keep","near"'))
    assert main(plan) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["curate", "learn", str(work.path)]) == 0
    assert "1 decision in" in capsys.readouterr().out
    assert main([*plan, "--replace"]) == 0
    assert "Review  0 images" in capsys.readouterr().out


def test_an_edited_plan_that_was_applied_is_replaced(work: WorkDir, tmp_path: Path) -> None:
    plan = ["curate", "plan", str(work.path)]
    apply = ["curate", "apply", str(work.plan_csv), "--to", str(tmp_path / "quarantine")]
    main(plan)
    text = work.plan_csv.read_bytes()
    work.plan_csv.write_bytes(text.replace(b'"review","near"', b'"keep","near"'))
    assert (main(apply), main(plan)) == (0, 2), "it was only looked at"
    assert (main([*apply, "--yes"]), main(plan)) == (0, 0)
    work.plan_csv.write_bytes(text)
    create(work_dir=work.path).curate.apply(tmp_path / "quarantine", yes=True)
    assert main(plan) == 0
    work.plan_csv.write_bytes(text + b" ")
    assert main(plan) == 2


def test_no_plan_is_made_while_a_run_writes(
    work: WorkDir, capsys: pytest.CaptureFixture[str]
) -> None:
    with filelock.FileLock(work.store / "lock"):
        assert main(["curate", "plan", str(work.path)]) == 2
    assert "Another run is writing" in capsys.readouterr().err
    assert not work.plan_csv.exists()


def test_python_does_the_same(work: WorkDir, tmp_path: Path) -> None:
    dataset = create(work_dir=work.path)
    plan = dataset.curate.plan(near="remove")
    plan.loc[plan["list"] != "exact", "action"] = "keep"
    assert len(dataset.curate.apply(tmp_path / "q").moved) == 3, "as the file says"
    assert len(dataset.curate.apply(tmp_path / "q", plan, yes=True).moved) == 1
    assert len(dataset.curate.undo(tmp_path / "q").moved) == 1


def test_the_page_shows_what_goes_for_what_and_loads_nothing(work: WorkDir) -> None:
    main(["curate", "plan", str(work.path), "--near", "remove"])
    page = work.plan_page.read_text()
    assert "3 images would go, 0 wait for you" in page.replace("\u00a0", " ")
    assert page.count("data:image/jpeg;base64,") == 4, "two pairs; a broken file has no picture"
    assert "near &lt;1&gt;.jpg" in page
    assert f"imgvet curate apply {work.plan_csv} --to QUARANTINE" in page
    assert page.count('<pre tabindex="0"') == page.count("<pre") > 0, "keys scroll long lines, too"
    assert "near <1>" not in page
    assert "http" not in page.replace("http-equiv", "")
    first = work.plan_page.read_bytes()
    main(["curate", "plan", str(work.path), "--near", "remove"])
    assert work.plan_page.read_bytes() == first


def test_a_plan_of_nothing_asks_for_nothing(
    work: WorkDir, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [f"--{name}" for name in ("exact", "near", "invalid", "dark", "bright", "blurry")]
    off = [word for rule in rules for word in (rule, "off")]
    main(["curate", "plan", str(work.path), *off])
    assert "Next" not in capsys.readouterr().out
    page = work.plan_page.read_text()
    assert "No rule speaks of any image" in page
    assert "What you can do" not in page


def test_an_archive_is_shown_by_its_first_image_that_has_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"a.jpg": b"broken", "b.jpg": jpeg(photograph(0)), "c.jpg": jpeg(photograph(0))}
    folder = tmp_path / "archives"
    folder.mkdir()
    archives = [write_zip(folder / name, content) for name in ("a.zip", "b.zip")]
    work = finish_run(archives, tmp_path / "out")
    propose(work, Rules())
    section = work.plan_page.read_text().split('id="whole_file"')[1].split("<section")[0]
    first, second = re.findall(r'src="(data:image/jpeg;base64,.*?)"', section)
    assert first == second == inliner(work)(digest_bytes(jpeg(photograph(0))))
    assert main(["curate", "apply", str(work.plan_csv), "--to", str(tmp_path / "q")]) == 0
    said = "in archives, videos, crops or buckets: never touched; manifest.csv lists them.\n"
    assert said in capsys.readouterr().out


def test_commands_on_the_page_work_in_any_folder(
    work: WorkDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.path.parent)
    assert main(["curate", "plan", work.path.name]) == 0
    page = work.plan_page.read_text()
    assert f"imgvet curate apply {work.plan_csv} --to QUARANTINE --yes" in page
    assert f"imgvet explore {work.path}<" in page
