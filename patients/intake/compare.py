"""What an upload changes for one patient in one kind of fact: which statements are new, corrected, there already, gone.

Pure: drafts on one side, the identities and fingerprints of what is known on the other. A fact is found again by its
key, else by what its names meant before, else as the one undated statement whose date is now filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from patients.intake.drafts import Draft
from patients.intake.problems import Problem, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A current fact, as far as comparing needs it."""

    pk: int
    key: str
    natural_key: str
    source_key: str
    record_id: str
    sequence: int
    fingerprint: str


@dataclass(slots=True)
class Difference:
    """What to record (each draft with its number among those of its identity) and to withdraw, and the counts."""

    record: list[tuple[Draft, int]] = field(default_factory=list)
    withdraw: list[int] = field(default_factory=list)
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    problems: list[Problem] = field(default_factory=list)


def compare(
    drafts: Iterable[Draft], known: Sequence[Known], *, snapshot: bool = False, keep_absent: bool = False
) -> Difference:
    """Compare all drafts of one kind of one patient with what is known of it.

    With `snapshot`, what no draft names is withdrawn, unless `keep_absent`: where a row of the upload was rejected it
    may have been the one that is missing, and an error never becomes an absence.
    """
    difference = Difference()
    groups = _groups(drafts, difference)
    free = {each.pk: each for each in known}
    matched: dict[str, list[Known]] = {key: [] for key in groups}
    _claim_same_key(groups, matched, free)
    _claim_same_record(groups, matched, free)
    _claim_renamed(groups, matched, free)
    _claim_undated(groups, matched, free, difference)
    for key, group in groups.items():
        _settle(group, matched[key], difference)
    if snapshot and not keep_absent:
        difference.withdraw += list(free)
        difference.withdrawn += len(free)
    return difference


def _groups(drafts: Iterable[Draft], difference: Difference) -> dict[str, list[Draft]]:
    """The drafts by identity; identical ones collapse, different ones stay and contradict each other."""
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        group = groups.setdefault(draft.key, [])
        twin = next((each for each in group if each.fingerprint == draft.fingerprint), None)
        if twin is not None:
            difference.problems.append(
                _problem(
                    draft, Severity.NOTE, "identical_rows", f"the row says the same as row {twin.row} of {twin.file}"
                )
            )
            continue
        if group:
            difference.problems.append(
                _problem(
                    draft,
                    Severity.WARNING,
                    "rows_conflict",
                    f"the row is about the same as row {group[0].row} of {group[0].file} and says something else; "
                    "both are kept and conflict",
                    "correct one of them, or give each its record_id",
                )
            )
        group.append(draft)
    return groups


def _problem(draft: Draft, severity: Severity, code: str, message: str, remedy: str = "") -> Problem:
    return Problem(severity=severity, code=code, message=message, remedy=remedy, file=draft.file, row=draft.row)


Groups = dict[str, list[Draft]]
Matched = dict[str, list[Known]]


def _claim_same_key(groups: Groups, matched: Matched, free: dict[int, Known]) -> None:
    for each in list(free.values()):
        if each.key in groups:
            matched[each.key].append(free.pop(each.pk))


def _claim_same_record(groups: Groups, matched: Matched, free: dict[int, Known]) -> None:
    """Facts of a record that is stated anew with other parts: a combination that became one drug, or the reverse.

    The source's id names the record for ever, so what it no longer says is replaced and not left beside.
    """
    by_record: dict[str, list[str]] = {}
    for group_key, group in groups.items():
        if group[0].record_id:
            by_record.setdefault(group[0].record_id, []).append(group_key)
    for each in list(free.values()):
        if each.record_id in by_record:
            keys = by_record[each.record_id]
            unmatched = [key for key in keys if not matched[key]]
            matched[(unmatched or keys)[0]].append(free.pop(each.pk))


def _claim_renamed(groups: Groups, matched: Matched, free: dict[int, Known]) -> None:
    """Facts that were known under another key: before the source sent ids, or before the vocabulary knew the name."""
    if not free:
        return
    by_key: dict[str, list[Known]] = {}
    for each in free.values():
        for key in {each.natural_key, each.source_key}:
            by_key.setdefault(key, []).append(each)
    for group_key, group in groups.items():
        if matched[group_key]:
            continue
        for draft in group:
            for key in (draft.natural_key, draft.source_key):
                for each in by_key.get(key, ()):
                    # Two ids of the source are two facts, however alike.
                    if each.pk in free and not (each.record_id and draft.record_id):
                        matched[group_key].append(free.pop(each.pk))


def _claim_undated(groups: Groups, matched: Matched, free: dict[int, Known], difference: Difference) -> None:
    """A dated statement corrects the one undated one of its identity; where either side has several, it is told."""
    claims: dict[str, list[str]] = {}
    for group_key, group in groups.items():
        if not matched[group_key]:
            for undated in group[0].undated_keys[:1]:
                claims.setdefault(undated, []).append(group_key)
    for undated, claimants in claims.items():
        candidates = [
            each
            for each in free.values()
            if undated in (each.natural_key, each.source_key)
            or any(key in (each.natural_key, each.source_key) for key in groups[claimants[0]][0].undated_keys)
        ]
        if not candidates:
            continue
        draft = groups[claimants[0]][0]
        if len(candidates) == 1 and len(claimants) == 1:
            if not (candidates[0].record_id and draft.record_id):
                matched[claimants[0]].append(free.pop(candidates[0].pk))
            continue
        for claimant in claimants:
            difference.problems.append(
                _problem(
                    groups[claimant][0],
                    Severity.WARNING,
                    "date_filled_ambiguous",
                    f"{len(candidates)} undated statement(s) could be meant by {len(claimants)} dated one(s); "
                    "nothing was corrected and all are kept",
                    "withdraw the undated ones by a snapshot, or use record_id",
                )
            )


def _settle(group: list[Draft], found: list[Known], difference: Difference) -> None:
    """Record what is new in a group and withdraw what it replaces."""
    same_key = {each.fingerprint: each for each in found if each.key == group[0].key}
    stay = [same_key[draft.fingerprint] for draft in group if draft.fingerprint in same_key]
    stay_keys = {each.pk for each in stay}
    gone = [each for each in found if each.pk not in stay_keys]
    fresh = [draft for draft in group if draft.fingerprint not in same_key]
    taken = {each.sequence for each in stay}
    numbers = (number for number in range(len(group) + len(taken) + 1) if number not in taken)
    difference.record += [(draft, next(numbers)) for draft in fresh]
    difference.withdraw += [each.pk for each in gone]
    difference.unchanged += len(stay)
    corrected = max(len(fresh), len(gone)) if gone else 0
    difference.changed += corrected
    difference.new += 0 if gone else len(fresh)
