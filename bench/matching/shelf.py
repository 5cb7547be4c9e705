"""Made-up trials of the shapes that real protocols have: some twenty criteria each, thousands of distinct leaves.

The shapes are those of the library's rules and of what protocols ask most (performance status, age, organ function in
multiples of normal, washouts, exposure, failure, lines, metastases, other malignancies, comedication, biomarkers); the
numbers and names in them are drawn. The same seed gives the same trials.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from bench.matching.registry import CANCERS, COMORBIDITIES, DRUGS, GENES, MEDICINES, METASTASES, TESTS
from trials.criteria import tree as t
from trials.criteria.documents import Criterion, CriterionKind, Polarity, Recruitment, TrialDocument
from trials.criteria.parser import parse

_CLASSES = ("anthracycline", "taxane", "platinum compound", "immune checkpoint inhibitor", "chemotherapy")
_AT_LEAST = {"anc": (1.0, 2.0), "platelets": (75, 125), "hemoglobin": (8, 10), "albumin": (2.5, 3.5), "lvef": (45, 55),
             "wbc": (2.0, 3.5)}  # fmt: skip
_AT_MOST = {"creatinine": (1.2, 2.0), "qtcf": (450, 480), "inr": (1.3, 1.8)}
_TIMES_NORMAL = {"bilirubin": (1.0, 2.0), "ast": (1.5, 5), "alt": (1.5, 5), "creatinine": (1.0, 1.5)}

Draw = Callable[[random.Random, str], str]

_EXTENTS = ("metastatic", "locally advanced or metastatic")
_RESPONSES = ("progressive disease", "partial response")
_ALTERATIONS = ("mutation", "fusion", "amplification")
_WASHOUTS = (14, 21, 28, 42, 56, 84, 180)
_AGENTS = (*DRUGS, *_CLASSES)


def _some(r: random.Random, names: dict[str, Any] | tuple[str, ...], most: int = 2) -> str:
    """A name or several."""
    return " or ".join(sorted(r.sample(list(names), r.randint(1, most))))


def _days(r: random.Random) -> int:
    return r.choice((7, 14, 21, 28, 30))


def _unit(test: str) -> str:
    """The unit of a test as a rule writes it: none for a plain number."""
    unit = TESTS[test][0]
    return "" if unit == "1" else f"{unit} "


def _number(r: random.Random, low: float, high: float) -> str:
    """One of seventeen steps from low to high: protocols write few limits."""
    return f"{low + (high - low) * r.randint(0, 16) / 16:.4g}"


def _floor(r: random.Random, cancer: str) -> str:
    test = r.choice(list(_AT_LEAST))
    return f"{test} >= {_number(r, *_AT_LEAST[test])} {_unit(test)}within {_days(r)} days"


def _ceiling(r: random.Random, cancer: str) -> str:
    test = r.choice(list(_AT_MOST))
    return f"{test} <= {_number(r, *_AT_MOST[test])} {_unit(test)}within {_days(r)} days"


def _normal(r: random.Random, cancer: str) -> str:
    test = r.choice(list(_TIMES_NORMAL))
    return f"{test} <= {_number(r, *_TIMES_NORMAL[test])} x ULN within {_days(r)} days"


def _liver(r: random.Random, cancer: str) -> str:
    test = r.choice(("ast", "alt"))
    plain, spread = r.choice(("2.5", "3")), r.choice(("5", "6"))
    return f"{test} <= {plain} x ULN or (has condition(liver metastasis) and {test} <= {spread} x ULN)"


#: Shapes of criteria with their weight and polarity; each draws a rule for a trial of a cancer.
SHAPES: tuple[tuple[int, str, Draw], ...] = (
    (8, "inclusion", lambda r, c: f"ecog <= {r.choice((1, 1, 2))} within {_days(r)} days"),
    (6, "inclusion", lambda r, c: f"age >= {r.choice((12, 16, 18, 18, 21))}"),
    (2, "inclusion", lambda r, c: f"age <= {r.randint(65, 85)}"),
    (16, "inclusion", _floor),
    (6, "inclusion", _ceiling),
    (12, "inclusion", _normal),
    (3, "inclusion", _liver),
    (5, "inclusion", lambda r, c: f"has diagnosis({c}, extent: {r.choice(_EXTENTS)})"),
    (2, "inclusion", lambda r, c: f"has diagnosis({_some(r, CANCERS)})"),
    (10, "exclusion", lambda r, c: f"has treatment({r.choice(_AGENTS)}) within {r.choice(_WASHOUTS)} days"),
    (
        4,
        "exclusion",
        lambda r, c: (
            f"has treatment({_some(r, _AGENTS)}) within lesser of ({r.choice((14, 21, 28))} days, 5 half-lives)"
        ),
    ),
    (
        3,
        "exclusion",
        lambda r, c: f"has treatment({r.choice(('surgery', 'radiotherapy'))}) within {r.choice(_WASHOUTS)} days",
    ),
    (5, "exclusion", lambda r, c: f"has treatment({_some(r, _AGENTS)})"),
    (6, "inclusion", lambda r, c: f"has treatment({_some(r, _AGENTS)}, outcome: failure)"),
    (
        4,
        "inclusion",
        lambda r, c: f"count line(systemic, setting: advanced) {r.choice(('<=', '>='))} {r.randint(1, 4)}",
    ),
    (2, "inclusion", lambda r, c: f"has treatment({r.choice(list(DRUGS))}, response: {r.choice(_RESPONSES)})"),
    (4, "exclusion", lambda r, c: f"has condition({_some(r, COMORBIDITIES)}) within {r.choice((3, 6, 12, 24))} months"),
    (8, "exclusion", lambda r, c: f"has condition({_some(r, {**COMORBIDITIES, **METASTASES}, 3)})"),
    (
        3,
        "exclusion",
        lambda r, c: (
            "has condition(CNS metastasis) except when (has condition(CNS metastasis, state: treated and "
            f"stable for {r.randint(2, 12)} weeks) and no medication(systemic corticosteroid) within "
            f"{r.randint(7, 28)} days)"
        ),
    ),
    (
        4,
        "exclusion",
        lambda r, c: f"has diagnosis(malignancy, other than: this cancer) within {r.choice((2, 3, 5))} years",
    ),
    (6, "exclusion", lambda r, c: f"has medication({_some(r, MEDICINES)}, ongoing: yes)"),
    (3, "exclusion", lambda r, c: f"has medication({_some(r, MEDICINES)}) within {_days(r)} days"),
    (3, "inclusion", lambda r, c: f"has biomarker({_some(r, GENES)}, {r.choice(_ALTERATIONS)})"),
    (2, "exclusion", lambda r, c: f"has biomarker({_some(r, GENES)}, mutation, origin: germline)"),
    (3, "inclusion", lambda r, c: f"has disease_status(progression) within {r.randint(1, 18)} months"),
    (
        3,
        "inclusion",
        lambda r, c: f"time since last treatment({r.choice((*_CLASSES, 'radiotherapy'))}) >= {r.randint(2, 12)} weeks",
    ),
    (2, "inclusion", lambda r, c: f"count treatment({r.choice(_CLASSES)}) <= {r.randint(1, 4)}"),
    (2, "inclusion", lambda r, c: f"sex is {r.choice(('female', 'male'))}"),
)


def trials(number: int, criteria: int = 20, seed: int = 11) -> list[TrialDocument]:
    """So many trials of about so many criteria each."""
    r = random.Random(seed)
    parsed: dict[str, t.Rule] = {}
    found = []
    for index in range(number):
        cancer = r.choice(list(CANCERS))
        lines = []
        # What defines the trial comes first: its cancer, as protocols write it.
        first = parsed.setdefault(text := f"has diagnosis({cancer})", parse(text))
        lines.append(Criterion(id="C0", text=text, polarity=Polarity.INCLUSION, kind=CriterionKind.RULE, rule=first))
        weights = [weight for weight, _, _ in SHAPES]
        for line in range(1, max(2, criteria + r.randint(-4, 4))):
            _, polarity, draw = r.choices(SHAPES, weights)[0]
            text = draw(r, cancer)
            rule = parsed.get(text)
            if rule is None:
                rule = parsed[text] = parse(text)
            lines.append(
                Criterion(id=f"C{line}", text=text, polarity=Polarity(polarity), kind=CriterionKind.RULE, rule=rule)
            )
        found.append(
            TrialDocument(
                id=f"T{index}",
                title=f"Trial {index}",
                cancer=t.Concepts.of(cancer),
                recruitment=Recruitment.RECRUITING,
                author="bench author",
                reviewer="bench reviewer",
                criteria=tuple(lines),
            )
        )
    return found


_EVENTS = (t.Has, t.Count)


def leaves(rule: t.Rule) -> Iterator[t.Leaf]:
    """The leaves of a rule."""
    if isinstance(rule, t.And | t.Or | t.Quota | t.Not | t.Except | t.If):
        for each in fields(rule):
            value = getattr(rule, each.name)
            for part in value if isinstance(value, tuple) else (value,):
                if is_dataclass(part) and not isinstance(part, type):
                    yield from leaves(part)  # type: ignore[arg-type]  # the parts of a connective are rules
    else:
        yield rule


def over_events(leaf: t.Leaf) -> bool:
    """Whether a leaf is asked of tables of events: windows, may-match, lines, failure, times between events."""
    return isinstance(leaf, t.Has | t.Count) or (isinstance(leaf, t.Comparison) and isinstance(leaf.left, t.Elapsed))


def distinct(documents: list[TrialDocument]) -> set[t.Leaf]:
    """The distinct leaves of the trials."""
    return {leaf for each in documents for item in each.criteria if item.rule for leaf in leaves(item.rule)}


def mix(documents: list[TrialDocument]) -> Counter[str]:
    """How many distinct leaves of each kind the trials have."""
    return Counter(_kind(leaf) for leaf in distinct(documents))


def over_time(leaf: t.Leaf) -> bool:
    """Whether a leaf over events puts them in a window or in order: windows, lines, failure, times between events."""
    return over_events(leaf) and (
        _kind(leaf) in ("line", "time since") or _kind(leaf).endswith((": window", ": failure"))
    )


def events(documents: list[TrialDocument]) -> int:
    """How many of the distinct leaves are asked of tables of events."""
    return sum(over_events(leaf) for leaf in distinct(documents))


def timed(documents: list[TrialDocument]) -> int:
    """How many of the distinct leaves put events in a window or in order."""
    return sum(over_time(leaf) for leaf in distinct(documents))


def _kind(leaf: t.Leaf) -> str:
    match leaf:
        case t.Has(_, records) | t.Count(records):
            name = str(records.kind)
            if any(item.field == "outcome" for item in records.tests):
                return f"{name}: failure"
            return f"{name}: window" if leaf.window is not None else name
        case t.Comparison(t.Elapsed()):
            return "time since"
        case t.Comparison(t.Age()):
            return "age"
        case _:
            return "value"
