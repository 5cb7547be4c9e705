"""What made this cancer worse, and when: progressions, relapses and new metastases (SEMANTICS §2.6).

Both the lines of therapy and the failure of a drug turn on these events; they are gathered once here.
"""

from __future__ import annotations

from dataclasses import dataclass

from matcher.engine.reference.context import Context
from matcher.engine.reference.days import Days
from matcher.engine.reference.records import disease as dz
from matcher.engine.results import Evidence
from matcher.engine.truth import Truth
from patients.facts import CodeRelation, code_relation


@dataclass(frozen=True, slots=True)
class Worsening:
    """A worsening of this cancer: when, by what fact, and whether it certainly is one, and one of this cancer's.

    `counts_between_lines` marks what certainly parts two lines: a statement of the course, not a metastasis row, whose
    date may be that of its finding.
    """

    days: Days
    evidence: Evidence
    sure: bool
    counts_between_lines: bool


def worsenings(context: Context) -> tuple[Worsening, ...]:
    """Every progression, relapse and metastasis of this cancer that is or may be recorded."""
    key = ("worsenings", context.focus)
    if key not in context.cache:
        context.cache[key] = (*_events(context), *_metastases(context))
    return context.cache[key]  # type: ignore[return-value]  # written under this key one line above


def _events(context: Context) -> list[Worsening]:
    found = []
    for event in context.patient.disease_status:
        relations = {
            code_relation("disease_status", event.status, asked) if event.status is not None else CodeRelation.MAY
            for asked in ("progression", "relapse")
        }
        of_it = dz.belongs(context, event.diagnosis)
        if relations == {CodeRelation.OUTSIDE} or of_it is Truth.NOT_MET:
            continue
        sure = CodeRelation.WITHIN in relations and of_it is Truth.MET
        days = dz.open_day(None if event.date is None else Days.of(event.date)).upto(context.asked)
        found.append(Worsening(days, dz.evidence_of(event, event.status or event.raw), sure, True))
    return found


#: States of a metastasis that was known before it was found in them.
KNOWN_BEFORE = frozenset({"stable", "controlled", "treated"})


def _metastases(context: Context) -> list[Worsening]:
    """Metastases where they are first told of: a later row of one may tell of it again, or of one more beside it."""
    rows = [row for row in context.patient.conditions if row.status != "absent" and dz.is_metastasis(context, row)]
    unplaced = [row.date.first for row in rows if row.date is not None and not row.sites]
    found = []
    for lesion in dz.lesions(context, rows):
        undated = any(row.date is None for row in lesion.rows)
        for index, row in enumerate(lesion.rows):
            of_it = dz.belongs(context, row.diagnosis_id)
            again = KNOWN_BEFORE.intersection(row.states)
            if of_it is Truth.NOT_MET or (index and again):
                continue
            told_before = undated or index > 0 or any(day < row.date.first for day in unplaced if row.date is not None)
            sure = of_it is Truth.MET and row.status in (None, "present") and not told_before and not again
            days = dz.open_day(None if row.date is None else Days.of(row.date)).upto(context.asked)
            found.append(Worsening(days, dz.evidence_of(row), sure, False))
    return found
