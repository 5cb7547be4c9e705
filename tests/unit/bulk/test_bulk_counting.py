"""Counts by the thousand: the same interval, the same change and the same days as one patient at a time."""

from datetime import timedelta
from functools import cache
from itertools import product

import numpy as np
import pytest

from matcher.engine.bulk.findings import (
    IMPRECISE,
    MET_COURSE,
    MET_NEVER,
    NOT_MET_COURSE,
    NOT_MET_NEVER,
    NOT_RECORDED,
    Findings,
    all_of,
    chosen,
)
from matcher.engine.bulk.tallies import NOTHING_OPEN, Tally, in_range
from matcher.engine.reference.days import FUTURE
from tests.batches import answers_differ, batch_of
from tests.synthetic import TODAY, drug, lms, patient
from tests.unit.test_counts import SITES, metastasis
from trials.criteria.parser import parse

TOLD = [
    {"domain": domain, "complete_through": "2026-01-15"}
    for domain in ("treatments", "conditions", "medications", "disease_status")
]


def given(*courses):
    return [drug("doxorubicin", start, end) for start, end in courses]


TREATED = (
    [],
    given(("2024-01-10", "2024-03-01")),
    given(("2024-01-10", "2024-03-01"), ("2025-12-20", "2026-01-05")),
    given(("2024-01-10", "2024-03-01"), ("2024-06-01", "2024-09-01"), ("2025", None), (None, "2025-12-30")),
    [*given(("2025-12-01", None)), drug("anthracycline", "2025-01-01", "2025-02-01"), drug("xyzzy", "2025-12-20")],
)
TAKEN = (
    [],
    [
        {"medication": "prednisone", "start_date": "2025-12-01", "ongoing": "yes"},
        {"medication": "prednisone", "start_date": "2024-12-01", "end_date": "2025-01-10"},
        {"medication": "dexamethasone", "start_date": "2026-01-01"},
    ],
)
SUFFERED = (
    [],
    [{"condition": "pneumonia", "date": day, "status": "resolved"} for day in ("2024-03-01", "2025-11-20", "2025")],
    [{"condition": "stroke", "date": "2025-12-24"}, {"condition": "stroke", "status": "suspected"}],
)
SPREAD = [
    *(rows for rows, _, _ in SITES.values()),
    [metastasis("metastasis", "lung"), metastasis("metastasis", "left lower lobe of lung"), metastasis("bone metastasis")],
    [metastasis("metastasis", "lung"), metastasis("metastasis", "liver", status="suspected")],
    [metastasis("metastasis", "liver", status="absent")],
]  # fmt: skip


def cohort():
    found = []
    for treated, taken, suffered, coverage in product(TREATED, TAKEN, SUFFERED, (TOLD, [])):
        found.append(lms(treatments=treated, medications=taken, coverage=coverage, conditions=suffered))
    for spread, coverage in product(SPREAD, (TOLD, [])):
        found.append(patient(conditions=[*lms_rows(), *spread], coverage=coverage, data_through="2026-01-10"))
    events = [{"status": "distant metastasis", "site": site, "date": "2025-03-01"} for site in ("lung", "liver", None)]
    found += [lms(disease_status=events[:number], coverage=TOLD) for number in (1, 2, 3)]
    return [*found, lms(), patient()]


def lms_rows():
    return [{"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01"}]


COHORT = cohort()

BOUNDS = (">= 1", ">= 2", ">= 3", "= 0", "= 1", "= 2", "!= 1", "!= 0", "<= 1", "< 3", "between 1 and 2")
RULES = [
    *(f"count treatment(doxorubicin) {bound}" for bound in BOUNDS),
    *(f"count treatment(doxorubicin) {bound} within 1 month" for bound in BOUNDS[::2]),
    *(f"count medication(corticosteroid, ongoing: yes) {bound}" for bound in BOUNDS),
    *(f"count drug(any) {bound} within 6 months" for bound in BOUNDS[::3]),
    *(f"count condition(pneumonia or stroke) {bound}" for bound in BOUNDS[::2]),
    *(f"count condition(metastasis) {bound}" for bound in BOUNDS[::2]),
    *(f"count site(metastasis) {bound}" for bound in BOUNDS),
    "count site(metastasis, state: active) >= 2",
    "count site(metastasis) >= 2 within 1 month before first treatment(doxorubicin)",
    *(f"count line(systemic) {bound}" for bound in BOUNDS),
    "count treatment(any) >= 1 within 5 half-lives",
    "count treatment(any) >= 2 before first disease_status(progression)",
    "count line(systemic) <= 2 after first disease_status(progression)",
]


@cache
def on(days):
    return batch_of(COHORT, as_of=TODAY + timedelta(days=days), known=TODAY, cancer="leiomyosarcoma")


@pytest.mark.parametrize(("rule", "later"), [(rule, 20 * (k % 2)) for k, rule in enumerate(RULES)])
def test_the_engines_agree(rule, later):
    assert answers_differ(*on(later), parse(rule)) == []


@pytest.mark.parametrize("rule", RULES[::7])
def test_nobody_has_none(rule):
    batch, _ = batch_of([])
    assert len(batch.evaluate(batch, parse(rule))) == 0


#: Of two to three lines: least and most that are recorded, whether more may be unrecorded, and what follows.
LINES = {
    "too few may become enough": (0, 1, False, NOT_MET_COURSE),
    "enough may become too many, and never fewer": (2, 2, False, MET_COURSE),
    "too many are never fewer": (4, 4, False, NOT_MET_NEVER),
    "more may be unrecorded": (1, 2, True, NOT_RECORDED),
    "too many whatever is unrecorded": (4, 4, True, NOT_MET_NEVER),
    "what is counted is not certain": (1, 2, False, IMPRECISE),
}


@pytest.mark.parametrize("case", LINES)
def test_lines_never_cease(case):
    low, high, more, code = LINES[case]
    count = Tally(np.array([low]), np.array([high]), np.array([NOTHING_OPEN], np.uint8))
    silent = all_of(1, NOT_RECORDED if more else NOT_MET_NEVER)
    assert in_range(parse("count line(systemic) between 2 and 3"), count, silent).code.tolist() == [code]


def test_one_finding_or_the_other_with_its_days():
    mask = np.array([True, False])
    dated = Findings(np.full(2, IMPRECISE, np.uint8), np.array([740_000, 740_001], np.int32))
    assert chosen(mask, dated, all_of(2, MET_NEVER)).code.tolist() == [IMPRECISE, MET_NEVER]
    assert chosen(mask, dated, all_of(2, MET_NEVER)).flips.tolist() == [740_000, FUTURE]
    assert chosen(mask, all_of(2, MET_NEVER), dated).flips.tolist() == [FUTURE, 740_001]
    assert chosen(mask, all_of(2, MET_NEVER), all_of(2, IMPRECISE)).flips is None
