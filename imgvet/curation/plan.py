"""Make a plan: for each image that a rule speaks of, whether it stays, goes, or a person decides.

The same results, rules and decisions give the same plan.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import pandas as pd

from imgvet.curation.decisions import read_decisions
from imgvet.curation.findings import Finding, Found, single_findings
from imgvet.curation.groups import NearGroups, exact_findings, leaking_findings
from imgvet.curation.images import FILE, images_of, listed_twice, protected
from imgvet.curation.keepers import Keepers
from imgvet.curation.rules import Rules
from imgvet.curation.whole_files import WHOLE_FILE, whole_file_rows
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, size_text, table_text
from imgvet.options import FlagOptions, SimilarityOptions
from imgvet.reasons import Reason
from imgvet.search.image_table import ImageTable
from imgvet.summary import read_record
from imgvet.tables import BY_NAME, PLAN, conform, read_made, to_frame
from imgvet.workdir import WorkDir

PROTECTED = "protected"
"""The list of images in protected folders that another list would have touched."""

_URGENCY = ("remove", "review", "keep")


def make_plan(work: WorkDir, rules: Rules) -> pd.DataFrame:
    """The plan of a finished run, with the columns of PLAN; whole files, then what goes come first.

    InvalidParameterError if a rule names what the run does not have.
    """
    found = _found(work, rules)
    untouched, twice = protected(found.images, rules.protect), listed_twice(found.images)
    held, unread = (_where(of_images) for of_images in (untouched, found.images["digest"].isna()))
    single = single_findings(found)
    gone = {one.id for one in single if one.action == "remove" and one.id not in held}
    is_left = (found.images["status"] == Reason.OK.value) & ~found.images.index.isin(gone)
    left = found.images[is_left]
    findings = [*single, *_group_findings(found, left, untouched)]
    safe = _by_image([_safe(finding, held, twice, unread) for finding in findings])
    rows = [whole_file_rows(found, safe, untouched), _rows(safe, found.images)]
    return pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)


def _found(work: WorkDir, rules: Rules) -> Found:
    record = read_record(work)
    names = ("stats", "similarity", "outliers", "label_issues", "leaks", "video_pairs")
    threshold = record.options(SimilarityOptions).threshold
    least = threshold if rules.near_threshold is None else rules.near_threshold
    if least < threshold:
        raise InvalidParameterError(
            f"near_threshold = {least:g} is below the threshold of the run, {threshold:g}",
            f"Run again with --threshold {least:g}",
        )
    limits = {name: getattr(rules, name) for name in FlagOptions.model_fields}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    decisions = read_decisions(work)
    images = images_of(ImageTable.of_run(work), crops=bool(work.part))
    return Found(
        work=work,
        images=images.assign(label=decisions.corrected(images)),
        tables={name: read_made(work, BY_NAME[name]) for name in names},
        rules=rules,
        flags=record.options(FlagOptions).model_copy(update=given),
        least=least,
        decisions=decisions,
    )


def _group_findings(found: Found, left: pd.DataFrame, untouched: pd.Series) -> list[Finding]:
    """The findings of groups among the images that those of single images leave."""
    keepers = Keepers(left, found.rules.keep, untouched, found.tables["similarity"])
    exact = list(exact_findings(found, left, keepers))
    copies = {one.id for one in exact if one.action != "keep"}
    contents = left[~left.index.isin(copies)].drop_duplicates("digest")
    near = list(NearGroups(found, contents, keepers).findings())
    # What stays for a copy may go for another: then that one stays for both.
    instead: dict[int | None, int | None] = {
        one.id: one.kept for one in near if one.action == "remove"
    }
    exact = [one._replace(kept=instead.get(one.kept, one.kept)) for one in exact]
    return [*exact, *near, *leaking_findings(found, left, keepers)]


def _where(of_images: pd.Series) -> frozenset[int]:
    """The ids of the images of which something is true."""
    return frozenset(of_images.index[of_images].tolist())


def _safe(
    finding: Finding, held: Container[int], twice: Mapping[int, str], unread: Container[int]
) -> Finding:
    """A finding that touches nothing protected, and takes no name of a file that has another."""
    if finding.action == "keep":
        return finding
    if finding.id in held:
        said = f"in a protected folder ({finding.reason})"
        return finding._replace(action="keep", list=PROTECTED, reason=said)
    if finding.id in twice:
        problem = f"listed twice, as {twice[finding.id]}"
    elif finding.id in unread:
        problem = "its content was never read, so that it can't be checked"
    else:
        return finding
    return finding._replace(action="review", reason=f"{finding.reason}; {problem}")


def _by_image(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each image: the most urgent one, with the reasons of those that agree.

    What an image could have gone for beside what it goes for is of no interest.
    """
    of_image: dict[int, list[Finding]] = {}
    for finding in findings:
        of_image.setdefault(finding.id, []).append(finding)
    merged = []
    for several in of_image.values():
        first = min(several, key=lambda one: _URGENCY.index(one.action))
        left_out = "keep" if first.action == "remove" else ""
        told = (one for one in several if one.kept in (None, one.id, first.kept))
        reasons = dict.fromkeys(one.reason for one in (first, *told) if one.action != left_out)
        merged.append(first._replace(reason="; also ".join(reasons)))
    return merged


def _rows(findings: Sequence[Finding], images: pd.DataFrame) -> pd.DataFrame:
    """The plan: groups together, in which what stays comes first; those that lose some first."""
    rows = pd.DataFrame(findings, columns=list(Finding._fields))
    known = images.loc[rows["id"]].reset_index(drop=True)
    rows = rows.assign(
        kept=rows["kept"].map(images["filename"]),
        **{name: known[name] for name in PLAN.column_names if name in known},
    )
    rows["group"] = rows["kept"].fillna(rows["filename"])
    rows["urgency"] = rows["action"].map(_URGENCY.index)
    ranked = rows.sort_values(["urgency", "id"]).drop_duplicates("group").set_index("group")
    rows["first"] = rows["group"].map(ranked["urgency"])
    rows["of"] = rows["group"].map(ranked["list"])
    rows["other"] = rows["filename"] != rows["group"]
    order = ["first", "of", "group", "other", "id"]
    return to_frame(conform(rows.sort_values(order, ignore_index=True), PLAN))


def bytes_that_go(plan: pd.DataFrame) -> int:
    """The size of all that a plan removes and that can be moved: files, and objects in buckets."""
    moved = plan["action"].eq("remove") & plan["place"].isin([FILE, "bucket"])
    return int(plan["file_size"][moved].sum())


def plan_lines(plan: pd.DataFrame) -> list[str]:
    """How many images go, wait for a person, and stay for others, for a terminal."""
    whole, images = (plan[plan["list"].eq(WHOLE_FILE) == is_whole] for is_whole in (True, False))
    noun = "crop" if plan["place"].eq("crop").any() else "image"
    rows = []
    for action in _URGENCY:
        lists = images["list"][images["action"] == action].value_counts(sort=False)
        told = [counted(int(lists.sum()), noun)]
        if files := int(whole["action"].eq(action).sum()):
            told.append(counted(files, "archive or video", "archives or videos"))
        moved = bytes_that_go(plan) if action == "remove" else 0
        size = f" ({size_text(moved)})" if moved else ""
        of = ", ".join(f"{count:,} {name}" for name, count in lists.items())
        rows.append((action.capitalize(), " and ".join(told) + size, of))
    return table_text(rows, "<<<").splitlines()
