"""Reading stored facts again from their own words, after a person decided what a name means.

Facts keep their cells by canonical column, so the same readers that read the file read them again; what comes out
replaces what went in, under the same source.
"""

from __future__ import annotations

from patients.intake import kinds
from patients.intake.drafts import Draft
from patients.intake.kinds import KINDS, Context
from patients.intake.reading import Reading
from patients.models import Fact


def reread(fact: Fact, *, kind: str, context: Context) -> list[Draft]:
    """The drafts that the row behind a fact gives now: several where its name is a combination, none if unreadable."""
    reading = Reading(kind=kind, cells=dict(fact.cells), today=context.today)
    drafts = kinds.read(KINDS[kind], reading, context)
    if reading.rejected:
        return []
    for draft in drafts:
        draft.file, draft.row = fact.file, fact.row
    return drafts
