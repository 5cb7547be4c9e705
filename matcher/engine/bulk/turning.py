"""The next day on which time alone may change what is said of a patient: a record comes into sight, ends or ages.

The same days as `reference.documents.assess` collects of one patient; only the first is kept. To them come the days on
which an answer of a trial may turn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import NO_DAY, Ints, Longs
from matcher.engine.bulk.coverage import data_through
from matcher.engine.bulk.trials import Answers
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Settings
from matcher.engine.reference.days import FUTURE


def turns(view: View, settings: Settings) -> Ints:
    """For each patient the first later day on which a record itself turns (an ordinal; FUTURE: there is none)."""
    columns, asked = view.columns, view.known
    found = np.full(columns.patients, FUTURE, np.int32)

    def note(patient: Longs | Ints, day: NDArray[np.int32]) -> None:
        later = (day != NO_DAY) & (day > asked[patient])
        np.minimum.at(found, patient[later], day[later])

    everyone = np.arange(columns.patients, dtype=np.int64)
    reaches = data_through(view)
    for name, table in columns.tables.items():
        if name == "coverage" or not table.rows:
            continue
        for column in table.lo:
            for day in (table.lo[column], table.hi[column]):
                note(table.patient, day)
                note(table.patient, np.where(day == NO_DAY, NO_DAY, day + 1).astype(np.int32))
        note(table.patient, table.day["recorded"])
        if name == "answers":
            until = table.day["valid_until"]
            note(table.patient, table.day["on"])
            note(table.patient, np.where(until == NO_DAY, NO_DAY, until + 1).astype(np.int32))
        elif "ongoing" in table.flag:
            goes_on = table.flag["ongoing"] == 1
            through = reaches[table.patient]
            said = np.where(through != NO_DAY, through, table.day["recorded"])
            told = np.maximum(table.lo["start"], said)
            # A record of which nobody knows when it was made was told of at no time that could lapse.
            note(table.patient, np.where(goes_on, told + settings.acute + 1, NO_DAY).astype(np.int32))
    for day in (columns.death_lo, columns.death_hi, columns.data_through):
        note(everyone, day)
    return found


def next_flips(answers: Answers) -> Ints:
    """For each patient the first later day on which time alone may change what a trial says; FUTURE: there is none.

    Whichever of the patient's cancers it is said of: on that day another of them may be the one that counts.
    """
    answers.need_days()
    shelf = answers.shelf
    found = shelf.view.once(("turns", shelf.settings), lambda: turns(shelf.view, shelf.settings)).copy()
    for trial in answers.parts:
        if trial.flips is not None:
            patient = trial.batch.patient
            np.minimum.at(found, patient, np.where(trial.flips > trial.batch.asked, trial.flips, FUTURE))
    return found
