"""What an upload changes for one patient: new, corrected, there already, gone; as little tables of keys."""

from __future__ import annotations

import pytest

from patients.intake.compare import Known, compare
from patients.intake.drafts import Draft, Identity, key_text, record_key


def draft(name: str, says: str, *, day: str = "", record_id: str = "", row: int = 2, raw: str = "") -> Draft:
    named, sourced = Identity((name, day), dated=1), Identity((raw or name, day), dated=1)
    undated = [key for key in (named.undated(), sourced.undated()) if key is not None]
    return Draft(
        kind="treatments", patient_id="P-1", key=record_key(record_id) if record_id else named.key(),
        natural_key=named.key(), source_key=sourced.key(), undated_keys=tuple(dict.fromkeys(undated)),
        record_id=record_id, name=name, folded_name=name, naming="mapped", cells={}, values={}, fingerprint=says,
        file="treatments.csv", row=row,
    )  # fmt: skip


def known(pk: int, name: str, says: str, *, day: str = "", record_id: str = "", sequence: int = 0) -> Known:
    as_draft = draft(name, says, day=day, record_id=record_id)
    return Known(
        pk=pk, key=as_draft.key, natural_key=as_draft.natural_key, source_key=as_draft.source_key,
        record_id=record_id, sequence=sequence, fingerprint=says,
    )  # fmt: skip


DAY = "2024-01-10"
CASES = [
    ("nothing known", [draft("doxorubicin", "a", day=DAY)], [], (1, 0, 0), []),
    ("the same again", [draft("doxorubicin", "a", day=DAY)], [known(1, "doxorubicin", "a", day=DAY)], (0, 0, 1), []),
    ("corrected", [draft("doxorubicin", "b", day=DAY)], [known(1, "doxorubicin", "a", day=DAY)], (0, 1, 0), [1]),
    ("another day is another fact", [draft("doxorubicin", "a", day="2024-02-01")],
     [known(1, "doxorubicin", "a", day=DAY)], (1, 0, 0), []),
    ("another name is another fact", [draft("pazopanib", "a", day=DAY)], [known(1, "doxorubicin", "a", day=DAY)],
     (1, 0, 0), []),
    ("a record id keeps its fact though all else changed", [draft("pazopanib", "b", day="2024-02-01", record_id="R1")],
     [known(1, "doxorubicin", "a", day=DAY, record_id="R1")], (0, 1, 0), [1]),
    ("the source begins to send ids", [draft("doxorubicin", "b", day=DAY, record_id="R1")],
     [known(1, "doxorubicin", "a", day=DAY)], (0, 1, 0), [1]),
    ("two ids are two facts", [draft("doxorubicin", "b", day=DAY, record_id="R2")],
     [known(1, "doxorubicin", "a", day=DAY, record_id="R1")], (1, 0, 0), []),
    ("the vocabulary learnt the name", [draft("doxorubicin", "b", day=DAY, raw="rubex")],
     [known(1, "rubex", "a", day=DAY)], (0, 1, 0), [1]),
    ("a date filled in corrects the one undated", [draft("doxorubicin", "b", day=DAY)], [known(1, "doxorubicin", "a")],
     (0, 1, 0), [1]),
    ("a date filled in leaves a dated one alone", [draft("doxorubicin", "b", day=DAY)],
     [known(1, "doxorubicin", "a", day="2020-01-01")], (1, 0, 0), []),
    ("two undated ones: told, nothing corrected", [draft("doxorubicin", "b", day=DAY)],
     [known(1, "doxorubicin", "a"), known(2, "doxorubicin", "c", sequence=1)], (1, 0, 0), []),
    ("two dated ones for one undated: told",
     [draft("doxorubicin", "b", day=DAY), draft("doxorubicin", "c", day="2025")],
     [known(1, "doxorubicin", "a")], (2, 0, 0), []),
    ("identical rows collapse", [draft("doxorubicin", "a", row=2), draft("doxorubicin", "a", row=3)], [],
     (1, 0, 0), []),
    ("different rows of one identity both stay", [draft("doxorubicin", "a", row=2), draft("doxorubicin", "b", row=3)],
     [], (2, 0, 0), []),
    ("a conflict is settled by the later upload", [draft("doxorubicin", "a")],
     [known(1, "doxorubicin", "a"), known(2, "doxorubicin", "b", sequence=1)], (0, 1, 1), [2]),
    ("incremental: what is absent stays", [], [known(1, "doxorubicin", "a")], (0, 0, 0), []),
]  # fmt: skip


@pytest.mark.parametrize(("drafts", "there", "counts", "withdrawn"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_incremental(
    drafts: list[Draft], there: list[Known], counts: tuple[int, int, int], withdrawn: list[int]
) -> None:
    difference = compare(drafts, there)
    assert (difference.new, difference.changed, difference.unchanged) == counts
    assert difference.withdraw == withdrawn
    assert difference.withdrawn == 0, "only a snapshot withdraws what is absent"


def test_numbers_of_conflicting_rows_never_collide_with_what_stays() -> None:
    there = [known(1, "doxorubicin", "a", sequence=1)]
    difference = compare([draft("doxorubicin", "a"), draft("doxorubicin", "b"), draft("doxorubicin", "c")], there)
    assert [sequence for _, sequence in difference.record] == [0, 2]


@pytest.mark.parametrize(
    ("drafts", "code"),
    [
        ([draft("doxorubicin", "a", row=2), draft("doxorubicin", "a", row=3)], "identical_rows"),
        ([draft("doxorubicin", "a", row=2), draft("doxorubicin", "b", row=3)], "rows_conflict"),
        ([draft("doxorubicin", "a", day=DAY), draft("doxorubicin", "b", day="2025")], "date_filled_ambiguous"),
    ],
)
def test_what_is_told(drafts: list[Draft], code: str) -> None:
    there = [known(1, "doxorubicin", "z")] if code == "date_filled_ambiguous" else []
    problems = compare(drafts, there).problems
    assert {problem.code for problem in problems} == {code}
    assert problems[-1].row == drafts[-1].row


def test_snapshot_withdraws_what_is_absent() -> None:
    difference = compare([draft("doxorubicin", "a")], [known(1, "doxorubicin", "a"), known(2, "olaparib", "a")],
                         snapshot=True)  # fmt: skip
    assert (difference.withdraw, difference.withdrawn, difference.unchanged) == ([2], 1, 1)


def test_snapshot_keeps_what_a_rejected_row_may_have_meant() -> None:
    difference = compare([], [known(1, "doxorubicin", "a")], snapshot=True, keep_absent=True)
    assert difference.withdraw == []


def test_keys_fold_and_fit() -> None:
    assert key_text(["Léiomyosarcome  Utérin", "2024|01"]) == "leiomyosarcome uterin|2024/01"
    long, other = key_text(["x" * 400, "a"]), key_text(["x" * 400, "b"])
    assert len(long) <= 300
    assert long != other
