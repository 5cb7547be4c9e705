"""How statuses changed, and what caused each change, in words a coordinator reads.

A standing run is compared with the one it starts from: the versions, the change log, the policies and the engine say
what kind of cause it was. Which facts decided is told by asking both questions again for the pair: the criteria whose
truth is another name the fact that came, went, or whose time was up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from matcher.engine import CriterionResult, Evidence, TrialResult, Truth, evaluate_trial
from matcher.models import MatchRun, Shard, StatusChange
from matcher.pages import evidence_shown, names_in
from matcher.pages.names import Names
from matcher.runs.evaluating import AskedVersion, Question
from matcher.runs.standing import Turn, evaluated_versions
from patients import facts
from patients.models import ChangeLog
from patients.selectors import keyed_patient_records
from patients.vocabulary import default
from trials.models import Version

#: So many pairs of a shard are asked again for the facts that decided; of more, one cause behind all is the news.
EXPLAINED = 100
#: Facts named of one change, and letters of all together.
NAMED, LETTERS = 3, 300

#: Names the lock under which changes are appended; any number that nothing else of this database uses.
_IN_ORDER = 0x4D41_5443_4845

_Cause = StatusChange.Cause


def changes_of(shard: Shard, turns: Sequence[Turn], *, at: datetime) -> Iterator[StatusChange]:
    """The status changes of a shard, of the pairs whose status is another."""
    if not turns:
        return
    run = shard.run
    causes = _Causes(run, {turn.patient for turn in turns})
    found = [(turn, *causes.of(turn)) for turn in turns]
    words = _words(run, [(turn, cause) for turn, cause, _ in found][:EXPLAINED])
    for turn, cause, detail in found:
        yield StatusChange(
            run=run,
            shard=shard,
            patient_id=turn.patient,
            document_id=turn.document,
            version_id=turn.version,
            from_status=turn.was,
            to_status=turn.status,
            cause=cause,
            detail=detail,
            because=words.get((turn.patient, turn.document), ""),
            at=at,
        )


def append(changes: Sequence[StatusChange]) -> None:
    """Store changes, at the end of a transaction, so that they can be seen in the order of their keys.

    Whoever reads them by cursor would else step over one whose transaction took longer. A database of one writer
    keeps that order by itself.
    """
    if not changes:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IN_ORDER])
    StatusChange.objects.bulk_create(changes, batch_size=500)


class _Causes:
    """What differs between a run and the one it starts from; of several causes the most telling is named."""

    def __init__(self, run: MatchRun, patients: set[int]) -> None:
        base = run.base
        since = ChangeLog.objects.filter(
            registry=run.registry_id, pk__gt=base.cursor if base is not None else 0, pk__lte=run.cursor
        )
        theirs = since.filter(kind=ChangeLog.Kind.PATIENT).order_by("id")
        if len(patients) < 500:
            theirs = theirs.filter(patient__in=patients)
        self.patients = dict(theirs.values_list("patient_id", "cause"))
        self.registry = (
            since.filter(kind=ChangeLog.Kind.REGISTRY).order_by("id").values_list("cause", flat=True).last() or ""
        )
        self.policy = base is not None and run.policy != base.policy
        self.vocabulary = base is not None and run.vocabulary != base.vocabulary
        self.engine = base is not None and run.engine != base.engine
        self.numbers: Mapping[int, int] = dict(Version.objects.filter(runs=run).values_list("pk", "number"))

    def of(self, turn: Turn) -> tuple[_Cause, str]:
        """What changed the status of a pair."""
        if not turn.was:
            return _Cause.NEW_PATIENT, self.patients.get(turn.patient, "")
        if turn.version_before != turn.version:
            return _Cause.NEW_VERSION, f"version {self.numbers.get(turn.version, '')}".strip()
        if turn.patient in self.patients:
            return _Cause.FACTS, self.patients[turn.patient]
        if self.policy:
            return _Cause.POLICY, self.registry
        if self.vocabulary:
            return _Cause.VOCABULARY, ""
        return (_Cause.ENGINE, "") if self.engine else (_Cause.TIME, "")


# --- Words ---


@dataclass(frozen=True, slots=True)
class _Side:
    """A patient at one end of a change: what was known, and the answer of each trial."""

    record: facts.Patient
    refs: frozenset[str]
    question: Question

    def answer(self, asked: AskedVersion) -> TrialResult:
        return evaluate_trial(
            asked.document, self.record, as_of=self.question.day_of(self.record), version=asked.version.number,
            open_here=asked.open_here, each_clears=False,
        )  # fmt: skip


def _words(run: MatchRun, turns: Sequence[tuple[Turn, _Cause]]) -> dict[tuple[int, int], str]:
    """The facts that decided, by patient and document, of changes that facts or time caused."""
    wanted = [(turn, cause) for turn, cause in turns if cause in (_Cause.FACTS, _Cause.TIME)]
    if not wanted or run.base is None:
        return {}
    versions = {each.version.document_id: each for each in evaluated_versions(run)}
    patients = {turn.patient for turn, _ in wanted}
    before = _sides(Question.of(run.base, ()), patients)
    after = _sides(Question.of(run, ()), patients)
    found: dict[tuple[int, int], str] = {}
    for turn, cause in wanted:
        old, new = before.get(turn.patient), after.get(turn.patient)
        if old is None or new is None:
            continue
        asked = versions[turn.document]
        turned = list(_turned(old.answer(asked), new.answer(asked)))
        names = names_in(new.record, default())
        said = _facts(turned, old, new, names) if cause is _Cause.FACTS else _times(turned, names)
        found[turn.patient, turn.document] = _joined(said)
    return found


def _sides(question: Question, patients: Iterable[int]) -> dict[int, _Side]:
    found = {}
    for key, record in keyed_patient_records(question.registry, known_at=question.known_at, ids=patients):
        refs = frozenset(each.id for each in (*record.facts(), *record.coverage, *record.answers))
        found[key] = _Side(record, refs, question)
    return found


def _turned(old: TrialResult, new: TrialResult) -> Iterator[tuple[CriterionResult, CriterionResult]]:
    """The counted criteria whose truth is another, before and after; those that decide the status first."""
    was = {each.criterion.id: each for each in old.criteria}
    pairs = [(was[each.criterion.id], each) for each in new.criteria if each.counted]
    pairs = [pair for pair in pairs if pair[0].truth is not pair[1].truth]
    yield from sorted(pairs, key=lambda pair: pair[1].truth is Truth.MET)


def _facts(
    turned: Sequence[tuple[CriterionResult, CriterionResult]], old: _Side, new: _Side, names: Names
) -> Iterator[str]:
    """Facts that came, else those that went."""
    came = [item for _, after in turned for item in after.evidence if item.fact in new.refs - old.refs]
    if came:
        yield from _said(came, names)
        return
    went = [item for before, _ in turned for item in before.evidence if item.fact in old.refs - new.refs]
    yield from (f"no longer: {text}" for text in _said(went, names_in(old.record, default())))


def _times(turned: Sequence[tuple[CriterionResult, CriterionResult]], names: Names) -> Iterator[str]:
    """What time did to a criterion: with the fact it is about, where there is one."""
    for before, after in turned:
        evidence = [item for item in (before.evidence or after.evidence) if ":" in item.fact or item.unit == "years"]
        texts = list(_said(evidence, names))[:1] or [after.criterion.text.rstrip(".")]
        if after.truth is Truth.UNKNOWN:
            yield f"{after.criterion.id} open: {texts[0]} ({after.reason})"
        else:
            met = "met" if after.truth is Truth.MET else "not met"
            yield (
                f"{after.criterion.id} {met}: window of {texts[0]} ended"
                if evidence
                else (f"{after.criterion.id} {met}: {texts[0]}")
            )


def _said(evidence: Iterable[Evidence], names: Names) -> Iterator[str]:
    """Facts with their values and dates: "platelets 92 10*3/uL, 3 Mar 2026"."""
    for shown in evidence_shown(evidence, default(), names):
        yield f"{shown.text}, {shown.date}" if shown.date else shown.text


def _joined(texts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    more = f" and {len(distinct) - NAMED} more" if len(distinct) > NAMED else ""
    text = "; ".join(distinct[:NAMED]) + more
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
