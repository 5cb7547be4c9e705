"""The reference engine beside the bulk engine: where do they differ?

`disagreements(seed, n)` needs neither pytest nor Hypothesis and compares some hundreds of batches a minute; what it
finds is made smaller by leaving out whatever the difference does not need.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from matcher.engine import Change, Reason, Status, Truth, evaluate_trial
from matcher.engine.reference import algebra
from matcher.engine.reference.evaluate import evaluate, focuses, make_context
from matcher.engine.results import unknown
from patients.facts import PartialDate, Patient
from tests.generative.choices import Rolled
from tests.generative.situations import Shelf, Situation, make_shelf, make_situation
from trials.criteria import tree as t
from trials.criteria.printing import print_definition, print_rule


class Said(NamedTuple):
    """The answer to a rule or a criterion, as both engines must give it."""

    truth: Truth
    reason: Reason | None
    change: Change | None

    def __str__(self) -> str:
        return ", ".join(str(each) for each in self if each is not None)


class Assessed(NamedTuple):
    """The answer to a trial, as both engines must give it."""

    status: Status
    deceased: bool
    cohort: str
    offered: bool
    criteria: tuple[Said | None, ...]
    clears_on: date | None
    needs: str | None
    next_flip: date | None

    def __str__(self) -> str:
        criteria = "; ".join(str(each) for each in self.criteria)
        return f"{self.status} dead={self.deceased} cohort={self.cohort!r} offered={self.offered} " \
               f"clears={self.clears_on} needs={self.needs} flips={self.next_flip} [{criteria}]"  # fmt: skip


def alike(reference: Any, bulk: Any) -> bool:
    """Whether two answers are the same.

    The bulk engine may look again at a pair sooner than the reference engine would, but never later.
    """
    if isinstance(reference, Assessed) and reference.next_flip is not None:
        sooner = bulk.next_flip is not None and bulk.next_flip <= reference.next_flip
        return sooner and reference._replace(next_flip=None) == bulk._replace(next_flip=None)
    if isinstance(reference, Assessed):
        return reference == bulk._replace(next_flip=None)
    return bool(reference == bulk)


#: Answers of one question for each patient.
RuleEngine = Callable[[Situation], list[list[Said]]]
TrialEngine = Callable[[Shelf], list[list[Assessed]]]


def by_reference(s: Situation) -> list[list[Said]]:
    """The answers of the reference engine: of several cancers that a rule may be about, all must agree."""
    found: list[list[Said]] = [[] for _ in s.rules]
    for patient in s.patients:
        context = make_context(
            patient, as_of=s.as_of, definitions=s.definitions, windows=s.windows, cancer=s.cancer,
            document=s.document, version=s.version, settings=s.settings,
        )  # fmt: skip
        contexts = [each.on(s.criterion) for each in focuses(context)]
        for rule, answers in zip(s.rules, found, strict=True):
            finding = algebra.spread([evaluate(rule, each) for each in contexts], unknown(Reason.IMPRECISE))
            answers.append(Said(finding.truth, finding.reason, finding.change))
    return found


def _bulk() -> Any:
    """The bulk engine as it is asked plainly. Imported here and nowhere else, for it is younger than this."""
    from matcher.engine.bulk import asking

    return asking


def by_bulk(s: Situation) -> list[list[Said]]:
    """The answers of the bulk engine to the same."""
    found = _bulk().answers_to(
        s.rules, s.patients, as_of=s.as_of, definitions=s.definitions, windows=s.windows, cancer=s.cancer,
        document=s.document, version=s.version, criterion=s.criterion, settings=s.settings,
    )  # fmt: skip
    return [[_said(answer) for answer in answers] for answers in found]


def _said(answer: Any) -> Said:
    return Said(*answer) if isinstance(answer, tuple) else Said(answer.truth, answer.reason, answer.change)


def trials_by_reference(s: Shelf) -> list[list[Assessed]]:
    """The answers of the reference engine to some trials."""
    found = []
    for document, version, open_here in s.trials:
        answers = []
        for patient, day in zip(s.patients, s.as_of, strict=True):
            result = evaluate_trial(
                document, patient, as_of=day, version=version, open_here=open_here, each_clears=False
            )
            criteria = tuple(None if c.truth is None else Said(c.truth, c.reason, c.change) for c in result.criteria)
            best = result.best
            flips = [each.next_flip for each in (result, *result.others) if each.next_flip is not None]
            answers.append(
                Assessed(
                    result.status, result.deceased, best.id, result.offered, criteria, best.clears_on, best.needs,
                    min(flips, default=None),
                )
            )  # fmt: skip
        found.append(answers)
    return found


def trials_by_bulk(s: Shelf) -> list[list[Assessed]]:
    """The answers of the bulk engine to the same."""
    one_day = len(set(s.as_of)) == 1
    return [
        [
            Assessed(
                each.status, each.deceased, each.cohort, each.offered,
                tuple(None if answer is None else _said(answer) for answer in each.criteria), each.clears_on,
                each.needs, each.next_flip,
            )
            for each in answers
        ]
        for answers in _bulk().assess(s.trials, s.patients, as_of=s.as_of[0] if one_day else s.as_of)
    ]  # fmt: skip


# --- where they differ ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disagreement:
    """One question and one patient to which the engines give two answers; `seed` makes the batch again."""

    asked: Situation | Shelf
    reference: str
    bulk: str
    seed: str = ""

    def __str__(self) -> str:
        lines = [f"reference: {self.reference}", f"bulk:      {self.bulk}", f"seed:      {self.seed}", ""]
        return "\n".join([*lines, *told(self.asked)])


def told(s: Situation | Shelf) -> Iterator[str]:
    """A situation as a person reads it, its patients as Python that makes them again."""
    if isinstance(s, Situation):
        yield from (f"rule:       {print_rule(rule)}" for rule in s.rules)
        yield f"as of:      {s.as_of}"
        yield f"cancer:     {' or '.join(s.cancer.names) if s.cancer else None}"
        yield from (f"definition: {print_definition(each)}" for each in s.definitions)
        yield from ((f"windows:    {dict(s.windows)}",) if s.windows else ())
        yield from ((f"settings:   {s.settings}",) if s.settings is not None else ())
    else:
        for (document, version, open_here), day in zip(s.trials, s.as_of, strict=False):
            yield f"trial {document.id}, version {version}, open here: {open_here}, as of {day}"
            yield f"  recruitment {document.recruitment}, cohorts {[(each.id, each.open) for each in document.cohorts]}"
            yield f"  cancer {' or '.join(document.cancer.names)}, windows {dict(document.windows)}"
            yield from (f"  {print_definition(each)}" for each in document.definitions)
            for each in document.criteria:
                rule = print_rule(each.rule) if each.rule is not None else f"({each.kind})"
                yield f"  {each.id} {each.polarity} {','.join(each.cohorts)} {rule}"
    for patient in s.patients:
        yield written(patient)


def written(value: object) -> str:
    """A fact as Python, with nothing in it that is not recorded."""
    if isinstance(value, PartialDate):
        text = str(value)
        return f"PartialDate.parse({text!r})" if "/" not in text else repr(value)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return "(" + "".join(f"\n    {written(each)}," for each in value) + ")"
    if not is_dataclass(value) or isinstance(value, type):
        return repr(value).replace("datetime.date(", "date(")
    said = [
        f"{each.name}={written(getattr(value, each.name))}"
        for each in fields(value)
        if getattr(value, each.name) != _default(each) and each.name not in ("raw", "registry", "patient_id")
    ]
    joiner = ",\n  " if isinstance(value, Patient) else ", "
    return f"{type(value).__name__}({joiner.join(said)})"


def _default(field: Any) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def answers(engine: Callable[[Any], list[list[Any]]], s: Situation | Shelf) -> list[list[Any]] | str:
    """What an engine answers, or how it failed."""
    try:
        return engine(s)
    except Exception:
        return traceback.format_exc(limit=-8)


def differing(
    s: Situation | Shelf, reference: Callable[[Any], list[list[Any]]], bulk: Callable[[Any], list[list[Any]]]
) -> Iterator[tuple[Situation | Shelf, str, str]]:
    """Each question and patient of a batch to which two engines give two answers, alone if it does so alone too."""
    expected, found = answers(reference, s), answers(bulk, s)
    if isinstance(expected, str) or isinstance(found, str):
        if expected != found:
            yield s, _shown(expected), _shown(found)
        return
    for row, (mine, theirs) in enumerate(zip(expected, found, strict=True)):
        for column, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            if alike(one, other):
                continue
            alone = single(s, row, column)
            again = answers(bulk, alone)
            yield (alone if isinstance(again, str) or not alike(one, again[0][0]) else s), str(one), str(other)


def _shown(found: list[list[Any]] | str) -> str:
    return found if isinstance(found, str) else " | ".join(str(each) for answers in found for each in answers)


def single(s: Situation | Shelf, row: int, column: int) -> Situation | Shelf:
    """One question of one patient."""
    if isinstance(s, Situation):
        return replace(s, rules=s.rules[row : row + 1], patients=s.patients[column : column + 1])
    day = s.as_of[column : column + 1]
    return replace(s, trials=s.trials[row : row + 1], patients=s.patients[column : column + 1], as_of=day)


def batch(seed: str, only: str | None = None, *, trials: bool = False) -> Situation | Shelf:
    """The batch of a seed: eight rules or two trials, and two dozen patients, for columns cost by the rule."""
    c = Rolled(seed)
    if trials:
        return make_shelf(c, only, trials=2, patients=24)
    return make_situation(c, only, rules=8, patients=24, max_leaves=1 if only and c.chance(70) else 3)


def disagreements(
    seed: int, n: int, only: str | None = None, *, trials: bool = False, shrink: bool = True, most: int = 20
) -> list[Disagreement]:
    """Where the engines differ in `n` batches from a seed on, at most `most` of them; each made small.

    `only` restricts the leaves of the rules to a construct, a kind of record or a group: see `GROUPS`.
    """
    found: list[Disagreement] = []
    engines = (trials_by_reference, trials_by_bulk) if trials else (by_reference, by_bulk)
    for number in range(seed, seed + n):
        name = f"{only or 'all'} {'trials ' if trials else ''}{number}"
        for asked, reference, bulk in differing(batch(name, only, trials=trials), *engines):
            if shrink:
                asked, reference, bulk = smallest(asked, reference, bulk, *engines)
            found.append(Disagreement(asked, reference, bulk, name))
            if len(found) >= most:
                return found
    return found


# --- made small ----------------------------------------------------------------------------------------------------


def smallest(
    s: Situation | Shelf,
    expected: str,
    found: str,
    reference: Callable[[Any], list[list[Any]]],
    bulk: Callable[[Any], list[list[Any]]],
    tries: int = 1500,
) -> tuple[Situation | Shelf, str, str]:
    """The situation with everything left out that the difference does not need, as far as leaving out one by one goes.

    A failure stays a failure and a difference a difference, or another might be found in its stead.
    """
    failing = found.startswith("Traceback")
    shrinking = True
    while shrinking and tries > 0:
        shrinking = False
        for smaller in _smaller(s):
            tries -= 1
            told_ = next(iter(differing(smaller, reference, bulk)), None)
            if told_ is not None and told_[2].startswith("Traceback") == failing and told_[0] == smaller:
                (s, expected, found), shrinking = told_, True
                break
            if tries <= 0:
                break
    return s, expected, found


def _smaller(s: Situation | Shelf) -> Iterator[Situation | Shelf]:
    if len(s.patients) > 1:
        for number in range(len(s.patients)):
            kept = s.patients[:number] + s.patients[number + 1 :]
            if isinstance(s, Situation):
                yield replace(s, patients=kept)
            else:
                yield replace(s, patients=kept, as_of=s.as_of[:number] + s.as_of[number + 1 :])
    if isinstance(s, Situation):
        if len(s.rules) > 1:
            yield from (replace(s, rules=s.rules[:i] + s.rules[i + 1 :]) for i in range(len(s.rules)))
        for i, rule in enumerate(s.rules):
            yield from (replace(s, rules=(*s.rules[:i], each, *s.rules[i + 1 :])) for each in _simpler(rule))
        yield from (replace(s, definitions=each) for each in _fewer(s.definitions))
        yield from ((replace(s, windows={}),) if s.windows else ())
        yield from ((replace(s, settings=None),) if s.settings is not None else ())
        yield from ((replace(s, cancer=None),) if s.cancer is not None else ())
    else:
        if len(s.trials) > 1:
            yield from (replace(s, trials=s.trials[:i] + s.trials[i + 1 :]) for i in range(len(s.trials)))
        for i, (document, version, open_here) in enumerate(s.trials):
            for each in _simpler_trial(document):
                yield replace(s, trials=(*s.trials[:i], (each, version, open_here), *s.trials[i + 1 :]))
    for i, patient in enumerate(s.patients):
        for simpler in _less_of(patient):
            yield replace(s, patients=(*s.patients[:i], simpler, *s.patients[i + 1 :]))


def _fewer(items: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    if len(items) > 1:
        yield ()
    yield from ((*items[:i], *items[i + 1 :]) for i in range(len(items)))


def _simpler_trial(document: Any) -> Iterator[Any]:
    from trials.criteria.documents import Definitions

    yield from (replace(document, criteria=each) for each in _fewer(document.criteria))
    yield from (replace(document, definitions=Definitions(each)) for each in _fewer(document.definitions.items))
    if document.windows:
        yield replace(document, windows={})
    if document.cohorts:
        bare = tuple(replace(each, cohorts=()) for each in document.criteria)
        yield replace(document, cohorts=(), criteria=bare)
    for i, criterion in enumerate(document.criteria):
        for rule in _simpler(criterion.rule) if criterion.rule is not None else ():
            changed = replace(criterion, rule=rule)
            yield replace(document, criteria=(*document.criteria[:i], changed, *document.criteria[i + 1 :]))


def _simpler(rule: t.Rule) -> Iterator[t.Rule]:
    """Rules of which one part is left out, or that are such a part."""
    parts = t.children(rule)
    yield from parts
    if isinstance(rule, t.And | t.Or) and len(parts) > 2:
        yield from (replace(rule, parts=each) for each in _fewer(parts) if len(each) >= 2)
    yield from _pruned(rule)


def _pruned(node: Any) -> Iterator[Any]:
    """The same node with a window, a field test, an exception, an alternative or the like left out, at any depth."""
    if not is_dataclass(node):
        return
    for each in fields(node):
        value = getattr(node, each.name)
        if each.name in ("window", "other_than", "otherwise", "since", "lasting") and value is not None:
            yield from _built(node, each.name, None)
        if each.name in ("tests", "alternatives", "spans", "parts", "codes") and isinstance(value, tuple):
            for fewer in _fewer(value):
                yield from _built(node, each.name, fewer)
        if each.name in ("test", "part") and isinstance(value, t.Every | t.Some):
            for part in value.parts:
                yield from _built(node, each.name, part)
        if is_dataclass(value):
            for smaller in _pruned(value):
                yield from _built(node, each.name, smaller)
        elif isinstance(value, tuple):
            for i, part in enumerate(value):
                for smaller in _pruned(part):
                    yield from _built(node, each.name, (*value[:i], smaller, *value[i + 1 :]))


def _built(node: Any, name: str, value: object) -> Iterable[Any]:
    try:
        return (replace(node, **{name: value}),)
    except (ValueError, LookupError):  # a node that would mean nothing cannot be made
        return ()


_TABLES = (
    "conditions", "treatments", "medications", "observations", "biomarkers", "disease_status", "coverage", "policies",
    "ranges", "answers", "births", "sexes",
)  # fmt: skip


def _less_of(patient: Patient) -> Iterator[Patient]:
    """The patient without some rows, a row without some fields."""
    for table in _TABLES:
        yield from (replace(patient, **{table: each}) for each in _fewer(getattr(patient, table)))
    for name in ("death", "deceased", "data_through", "country", "postal_code"):
        if getattr(patient, name) is not None:
            yield replace(patient, **{name: None})
    if patient.suspended:
        yield replace(patient, suspended=frozenset())
    for table in _TABLES:
        rows = getattr(patient, table)
        for i, row in enumerate(rows):
            for smaller in _less(row) if is_dataclass(row) else ():
                yield replace(patient, **{table: (*rows[:i], smaller, *rows[i + 1 :])})


def _less(row: Any) -> Iterator[Any]:
    for each in fields(row):
        plain = _default(each)
        if plain is not MISSING and each.name not in ("id", "raw", "named") and getattr(row, each.name) != plain:
            yield replace(row, **{each.name: plain})
