"""What made this cancer worse, and when: progressions, relapses and new metastases (SEMANTICS §2.6).

Both the lines of therapy and the failure of a drug turn on these events; they are gathered once here.
"""

from __future__ import annotations

from dataclasses import dataclass

from matcher.engine import disease as dz
from matcher.engine.context import Context
from matcher.engine.days import Days
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


def _metastases(context: Context) -> list[Worsening]:
    found = []
    for row in context.patient.conditions:
        of_it = dz.belongs(context, row.diagnosis_id)
        if row.status == "absent" or not dz.is_metastasis(context, row) or of_it is Truth.NOT_MET:
            continue
        days = dz.open_day(None if row.date is None else Days.of(row.date)).upto(context.asked)
        sure = of_it is Truth.MET and row.status in (None, "present", "resolved") and row.date is not None
        found.append(Worsening(days, dz.evidence_of(row), sure, False))
    return found
