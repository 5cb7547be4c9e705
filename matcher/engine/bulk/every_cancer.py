"""Every cancer of every patient, and every patient as one who has none of a document's cancer: what does not hang on
the document beyond that is asked of these once, and read by all documents.

Whether a drug failed, or in which setting it was given, hangs on the cancer it was given for, on nothing else that a
document says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.columns import Longs
from matcher.engine.bulk.diseases import tumours
from matcher.engine.bulk.groups import bounds_of
from matcher.engine.reference.records.lines import SYSTEMIC
from patients.vocabulary import Domain


@dataclass(frozen=True, slots=True)
class EveryCancer:
    """The items of every cancer with their treatments.

    `pairs` are all pairs of them with a treatment; `added` is for each item of the batch that asks what is added to a
    row for the place of the pair among them.
    """

    batch: Batch
    pairs: Pairs
    added: Longs

    def places(self, pairs: Pairs) -> Longs:
        """Where pairs of the batch that asks stand among `pairs`."""
        found: Longs = self.added[pairs.item] + pairs.row
        return found


def every_cancer(batch: Batch) -> EveryCancer | None:
    """The items of every cancer; None for a batch that is asked about other days than those whose knowledge is used."""
    return batch.once("every cancer", lambda: _every_cancer(batch)) if batch.of_today else None


def _every_cancer(batch: Batch) -> EveryCancer:
    starts = tumours(batch.view, batch.words).starts
    systemic = batch.words.named(SYSTEMIC, (Domain.DRUG,))
    # Of a patient without any tumour every treatment is of the cancer of a document that names none.
    key = ("every cancer", batch.vocabulary, systemic, batch.settings, batch.cancer is None)
    every, pairs, added = batch.view.once(key, lambda: _batch(batch, starts))
    of = np.where(batch.focus >= 0, batch.focus + batch.patient, starts[batch.patient + 1] + batch.patient)
    return EveryCancer(every, pairs, added[of])


def _batch(batch: Batch, starts: Longs) -> tuple[Batch, Pairs, Longs]:
    patients = np.arange(batch.view.patients)
    patient = np.repeat(patients, np.diff(starts) + 1)
    focus = np.arange(len(patient)) - patient
    # The last item of each patient is the one with none of the cancers.
    focus[starts[1:] + patients] = -1
    known = batch.view.known[patient]
    every = replace(
        batch, patient=patient, focus=focus, this=np.full(len(patient), -1, np.int64), asked=known, known=known,
        whoever=None, cache={},
    )  # fmt: skip
    table = batch.table("treatments")
    first = bounds_of(np.diff(table.starts)[patient])[:-1]
    return every, every.pairs(table), first - table.starts[patient]
