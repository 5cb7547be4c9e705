"""Construct 5: comparisons of values, codes and ages."""

from datetime import date

import pytest

from tests.spec.tables import (
    CONFLICTING,
    IMPRECISE,
    MET,
    NOT_MET,
    NOT_RECORDED,
    STALE,
    Case,
    Example,
    Table,
    examples,
)

title = "5. Comparing a value"
text = """\
`V >= 1.5 10*9/L`, `V between a and b`, `V is code`, `V is not code`, `V is any of (a, b)` and `V is recorded`,
where V is a test, the age, a multiple (`2 x alt`), a share (`50 % of alt`) or a ratio (`ast / alt`). What V is
compared with has a unit that fits the test, or is a multiple of its limit of normal (`1.5 x ULN`, `1 x LLN`), or
another value.

A value is an interval: a comparator, a partial date or a conversion widens it. A comparison is met if every value
in the interval satisfies it, not met if none does, and unknown otherwise.
"""


def seen(test: str, value: object, unit: str = "", on: str = "2026-01-05", **more: object) -> dict[str, object]:
    return {"test": test, "value": value, "date": on, **({"unit": unit} if unit else {}), **more}


tables = (
    Table(
        "Units",
        text="The units of one analyte are converted; a value whose unit is missing or belongs to another is not used.",
        patients={
            "1.6 10*9/L": {"observations": [seen("anc", 1.6, "10*9/L")]},
            "1600 /uL": {"observations": [seen("anc", 1600, "/uL")]},
            "1.2 K/uL": {"observations": [seen("anc", 1.2, "K/uL")]},
            "nothing": {},
        },
        cases=(
            Case("anc >= 1.5 10*9/L", (MET, MET, NOT_MET, NOT_RECORDED)),
            Case("anc >= 1500 /uL", (MET, MET, NOT_MET, NOT_RECORDED)),
            Case("anc < 1500 /mm3", (NOT_MET, NOT_MET, MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Mass and substance need the analyte",
        patients={
            "1.2 mg/dL": {"observations": [seen("creatinine", 1.2, "mg/dL")]},
            "106 umol/L": {"observations": [seen("creatinine", 106, "umol/L")]},
            "150 µmol/L": {"observations": [seen("creatinine", 150, "µmol/L")]},
        },
        cases=(
            Case("creatinine <= 1.5 mg/dL", (MET, MET, NOT_MET)),
            Case("creatinine <= 133 umol/L", (MET, MET, NOT_MET)),
        ),
    ),
    Table(
        "Bounds, both included",
        patients={
            "ECOG 0": {"observations": [seen("ecog", 0)]},
            "ECOG 1": {"observations": [seen("ecog", 1)]},
            "ECOG 2": {"observations": [seen("ecog", 2)]},
        },
        cases=(
            Case("ecog between 0 and 1", (MET, MET, NOT_MET)),
            Case("ecog < 1", (MET, NOT_MET, NOT_MET)),
            Case("ecog > 1", (NOT_MET, NOT_MET, MET)),
            Case("ecog = 1", (NOT_MET, MET, NOT_MET)),
            Case("ecog != 1", (MET, NOT_MET, MET)),
        ),
    ),
    Table(
        "Limits of normal",
        text="The limit is that of the row, else of the registry's ranges; one that nobody states is not guessed.",
        patients={
            "limit in the row": {"observations": [seen("bilirubin", 1.6, "mg/dL", ref_high=1.2)]},
            "another laboratory": {"observations": [seen("bilirubin", 1.6, "mg/dL", ref_high=1.0)]},
            "no limit": {"observations": [seen("bilirubin", 1.6, "mg/dL")]},
            "limit of the registry": {
                "observations": [seen("bilirubin", 1.6, "mg/dL")],
                "ranges": [{"test": "bilirubin", "high": 1.2}],
            },
        },
        cases=(
            Case("bilirubin <= 1.5 x ULN", (MET, NOT_MET, NOT_RECORDED, MET)),
            Case("bilirubin <= 1 x ULN", (NOT_MET, NOT_MET, NOT_RECORDED, NOT_MET)),
            Case("bilirubin <= 1.5 x ULN or bilirubin <= 3 mg/dL", (MET, MET, MET, MET), "another branch may decide"),
        ),
    ),
    Table(
        "Comparators",
        text="A laboratory that reports `< 0.5` has not said how much it was.",
        patients={
            "< 0.5": {"observations": [seen("bilirubin", "<0.5", "mg/dL")]},
            "< 2": {"observations": [seen("bilirubin", "<2", "mg/dL")]},
            "> 2": {"observations": [seen("bilirubin", ">2", "mg/dL")]},
        },
        cases=(
            Case("bilirubin <= 1 mg/dL", (MET, IMPRECISE, NOT_MET)),
            Case("bilirubin >= 2 mg/dL", (NOT_MET, NOT_MET, MET)),
            Case("bilirubin > 2 mg/dL", (NOT_MET, NOT_MET, MET)),
            Case("bilirubin <= 3 mg/dL", (MET, MET, IMPRECISE)),
        ),
    ),
    Table(
        "How old a value may be",
        text=(
            "Without a window of its own, a rule takes the document's, else the vocabulary's: 60 days for performance "
            "status, 30 for laboratory values. An older value is *stale*. `any time` takes it as it is."
        ),
        patients={
            "60 days old": {"observations": [seen("ecog", 1, on="2025-11-16")]},
            "61 days old": {"observations": [seen("ecog", 1, on="2025-11-15")]},
            "no date": {"observations": [{"test": "ecog", "value": 1}]},
            "after the day asked": {"observations": [seen("ecog", 1, on="2026-01-16")]},
        },
        cases=(
            Case("ecog <= 2", (MET, STALE, IMPRECISE, NOT_RECORDED)),
            Case("ecog <= 0", (NOT_MET, STALE, IMPRECISE, NOT_RECORDED)),
            Case("ecog <= 2 any time", (MET, MET, MET, NOT_RECORDED)),
            Case("ecog <= 2 within 61 days", (MET, MET, IMPRECISE, NOT_RECORDED)),
        ),
    ),
    Table(
        "Two values on one day",
        text="The rule is asked of each; if the answers differ, the values conflict.",
        patients={"ECOG 1 and 2": {"observations": [seen("ecog", 1), {**seen("ecog", 2), "record_id": "b"}]}},
        cases=(
            Case("ecog <= 2", (MET,)),
            Case("ecog <= 1", (CONFLICTING,)),
            Case("ecog >= 3", (NOT_MET,)),
        ),
    ),
    Table(
        "ECOG and Karnofsky",
        text="Each scale is read from the other where it alone is fresh: Karnofsky 70 is ECOG 1 or 2.",
        patients={
            "Karnofsky 70": {"observations": [seen("karnofsky", 70)]},
            "Karnofsky 90": {"observations": [seen("karnofsky", 90)]},
            "Karnofsky 40": {"observations": [seen("karnofsky", 40)]},
            "ECOG 1, Karnofsky 40": {"observations": [seen("ecog", 1), seen("karnofsky", 40)]},
            "ECOG 1 long ago, Karnofsky 90": {
                "observations": [seen("ecog", 1, on="2025-06-01"), seen("karnofsky", 90)]
            },
        },
        cases=(
            Case("ecog <= 2", (MET, MET, NOT_MET, CONFLICTING, MET)),
            Case("ecog <= 1", (IMPRECISE, MET, NOT_MET, CONFLICTING, MET)),
            Case("ecog <= 3", (MET, MET, MET, MET, MET)),
        ),
    ),
    Table(
        "What may stand for what",
        text=(
            "A creatinine clearance is derived by Cockcroft and Gault from creatinine of the same day, weight, age and "
            "sex; an eGFR never stands for it. A reported value outranks a derived one."
        ),
        shared={"birth_date": "1966-01-15", "sex": "female"},
        patients={
            "measured": {"observations": [seen("creatinine_clearance", 70, "mL/min")]},
            "eGFR only": {"observations": [seen("egfr", 70, "mL/min/{1.73_m2}")]},
            "creatinine and weight": {
                "observations": [seen("creatinine", 0.9, "mg/dL"), seen("weight", 70, "kg", "2026-01-02")]
            },
            "weight too old": {
                "observations": [seen("creatinine", 0.9, "mg/dL"), seen("weight", 70, "kg", "2025-10-01")]
            },
            "reported beside derived": {
                "observations": [
                    seen("creatinine", 0.9, "mg/dL"),
                    seen("weight", 70, "kg", "2026-01-02"),
                    seen("creatinine_clearance", 40, "mL/min"),
                ]
            },
        },
        cases=(
            Case("creatinine_clearance >= 60 mL/min", (MET, NOT_RECORDED, MET, NOT_RECORDED, NOT_MET)),
            Case(
                "creatinine <= 0.7 mg/dL or creatinine_clearance >= 60 mL/min",
                (MET, NOT_RECORDED, MET, NOT_RECORDED, NOT_MET),
            ),
        ),
    ),
    Table(
        "Words as values",
        patients={
            "negative": {"sex": "female", "observations": [seen("pregnancy_test", "negative")]},
            "positive": {"sex": "female", "observations": [seen("pregnancy_test", "positive")]},
            "nothing": {},
        },
        cases=(
            Case("pregnancy_test is negative", (MET, NOT_MET, NOT_RECORDED)),
            Case(
                "pregnancy_test is not positive",
                (MET, NOT_MET, NOT_RECORDED),
                "not positive is not the same as untested",
            ),
            Case("pregnancy_test is any of (negative, indeterminate)", (MET, NOT_MET, NOT_RECORDED)),
            Case("pregnancy_test is recorded", (MET, MET, NOT_RECORDED), "never *not met*"),
            Case("sex is female", (MET, MET, NOT_RECORDED)),
            Case("sex is not male", (MET, MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Age",
        text=(
            "Birthdays are counted; who was born on 29 February has theirs on 1 March of other years. A partial date "
            "of birth decides only where each of its days agrees."
        ),
        patients={
            "2008-01-15": {"birth_date": "2008-01-15"},
            "2008-01-16": {"birth_date": "2008-01-16"},
            "2007": {"birth_date": "2007"},
            "2008": {"birth_date": "2008"},
            "nothing": {},
        },
        cases=(
            Case("age >= 18", (MET, NOT_MET, MET, IMPRECISE, NOT_RECORDED), "the birthday counts"),
            Case("age between 18 and 70", (MET, NOT_MET, MET, IMPRECISE, NOT_RECORDED)),
            Case("age >= 16", (MET, MET, MET, MET, NOT_RECORDED)),
            Case("age is recorded", (MET, MET, MET, MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Born on 29 February 2008, on 28 February 2026",
        as_of=date(2026, 2, 28),
        patients={"P": {"birth_date": "2008-02-29"}},
        cases=(Case("age >= 18", (NOT_MET,)), Case("age >= 17", (MET,))),
    ),
    Table(
        "Values against values",
        patients={
            "AST 40, ALT 50": {"observations": [seen("ast", 40, "U/L"), seen("alt", 50, "U/L")]},
            "AST 200, ALT 50": {"observations": [seen("ast", 200, "U/L"), seen("alt", 50, "U/L")]},
            "AST alone": {"observations": [seen("ast", 40, "U/L")]},
        },
        cases=(
            Case("ast <= 2 x alt", (MET, NOT_MET, NOT_RECORDED)),
            Case("ast >= 50 % of alt", (MET, MET, NOT_RECORDED)),
            Case("ast / alt < 1", (MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
