"""Made-up courses of therapy for comparing engines: what registries leave open about drugs, lines and progression."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from patients.facts import Patient
from tests.synthetic import TODAY, drug, patient

Rows = dict[str, Any]

_DRUGS = (
    "doxorubicin", "Adriamycin", "liposomal doxorubicin", "gemcitabine", "docetaxel", "pazopanib", "trabectedin",
    "ifosfamide", "chemotherapy", "xq-17-unheard", "",
)  # fmt: skip

#: Columns of a treatment, what may stand in them, and how often anything does.
_CELLS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("setting", ("advanced", "adjuvant", "neoadjuvant", "maintenance", "perioperative", "words of no list"), 0.4),
    ("intent", ("palliative", "curative", "adjuvant", "supportive"), 0.25),
    ("response", ("progressive disease", "partial response", "stable disease"), 0.35),
    ("stop_reason", ("progression", "toxicity", "completed", "words of no list"), 0.3),
    ("line", ("1", "2", "3", "4"), 0.25),
    ("status", ("given", "planned", "declined"), 0.15),
    ("diagnosis", ("D1", "D2", "leiomyosarcoma", "nonsense"), 0.25),
)


def many(count: int, seed: int) -> list[Patient]:
    """Patients with a sarcoma, one in four with a second cancer, and up to eight drugs each."""
    r = random.Random(seed)
    return [_one(r) for _ in range(count)]


def _one(r: random.Random) -> Patient:
    treatments = list(_treatments(r))
    through = {"data_through": "2026-01-10"} if r.random() < 0.7 else {}
    coverage = [
        {"domain": domain, "scope": scope, "complete_through": r.choice(("2026-01-10", "2024-06-01"))}
        for domain, scope in (("treatments", "kind:drug"), ("disease_status", "all"))
        if r.random() < 0.5
    ]
    return patient(
        birth_date="1961-04-03", sex="female", conditions=list(_conditions(r)), treatments=treatments,
        disease_status=list(_events(r)), coverage=coverage, **through,
    )  # fmt: skip


def _day(r: random.Random, near: date | None = None) -> date:
    if near is not None and r.random() < 0.6:
        return min(near + timedelta(days=r.choice((-1, 0, 1, 27, 28, 29, 30, 31, 60, 90, 200))), TODAY)
    return date(2022, 1, 1) + timedelta(days=r.randrange(1475))


def _written(r: random.Random, day: date) -> str:
    """A day to the day, now and then to the month or the year only."""
    return day.isoformat()[: r.choices((10, 7, 4), (81, 13, 6))[0]]


def _conditions(r: random.Random) -> Iterator[Rows]:
    if r.random() < 0.05:
        return
    extent = {"extent": r.choice(("metastatic", "localized", "unresectable"))} if r.random() < 0.6 else {}
    named = {"diagnosis_id": "D1"} if r.random() < 0.6 else {}
    yield {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2022-02-01", **extent,
           **named}  # fmt: skip
    if r.random() < 0.25:
        yield {"condition": "breast carcinoma", "kind": "primary", "body_site": "breast", "date": "2021-01-01",
               "diagnosis_id": "D2"}  # fmt: skip
    for _ in range(r.choice((0, 0, 0, 1, 2))):
        yield {
            "condition": "metastasis",
            "kind": "metastasis",
            "date": _written(r, _day(r)) if r.random() < 0.85 else "",
            "body_site": r.choice(("lung", "liver", "")),
            "status": r.choice(("", "", "present", "suspected", "absent")),
            "state": r.choice(("", "", "stable", "treated", "active")),
            "diagnosis_id": r.choice(("", "", "D1", "D2")),
        }


def _treatments(r: random.Random) -> Iterator[Rows]:
    near: date | None = None
    for _ in range(r.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8))):
        near = _day(r, near)
        row = drug(r.choice(_DRUGS), **{name: r.choice(words) for name, words, often in _CELLS if r.random() < often})
        if r.random() < 0.2:
            del row["kind"]
        if r.random() < 0.9:
            row["start_date"] = _written(r, near)
        if r.random() < 0.6:
            last = min(TODAY, near + timedelta(days=r.choice((0, 5, 30, 100, 400))))
            row["end_date"] = _written(r, last)
        elif r.random() < 0.3:
            row["ongoing"] = r.choice(("yes", "no"))
        yield row
    for _ in range(r.choice((0, 0, 1, 2))):
        name, kind = r.choice((("hysterectomy", "surgery"), ("radiotherapy", "radiotherapy")))
        yield {"treatment": name, "kind": kind, "start_date": _written(r, _day(r, near))}


def _events(r: random.Random) -> Iterator[Rows]:
    for _ in range(r.choice((0, 0, 1, 1, 2, 3))):
        yield {
            "status": r.choice(
                ("progression", "progression", "relapse", "stable", "distant metastasis", "odd words", "")
            ),
            "date": _written(r, _day(r)) if r.random() < 0.9 else "",
            "diagnosis": r.choice(("", "", "", "D1", "D2")),
        }
