"""When silence is a statement: which part of a question the record answers completely (SEMANTICS §2.2).

A domain is complete for a patient up to a day C by a coverage row, by a registry policy for those who have at least
one fact of it, or by denials of everything that is asked. Asked about a period that ends by C, or while C is still
current, absence is a fact; beyond that it is *stale*; with no C at all nothing was ever said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Condition, Coverage, Fact, Medication, Treatment, folded, read_code
from patients.vocabulary import Domain, Vocabulary

#: The concept at the head of every metastasis.
METASTASIS = "metastasis"

#: Stands for an assay that is asked for by what it is not; no scope can name it.
ANOTHER_ASSAY = "another assay"


@dataclass(frozen=True, slots=True)
class Need:
    """What must be complete for an absence to count: a domain, and what within it is asked for.

    `kind` is a kind of treatment or condition, `concepts` the asked ids (none: any), `alteration`, `assay` and
    `origin` belong to biomarkers. `lasting` marks what stays current for longer.
    """

    domain: str
    kind: str = ""
    concepts: tuple[str, ...] = ()
    alteration: str = ""
    assay: str = ""
    lasting: bool = False

    @property
    def scope(self) -> str:
        """The scope of a coverage row that would answer it."""
        if self.domain == "biomarkers":
            parts = [f"genes:{'|'.join(self.concepts)}"] if self.concepts else []
            parts += [f"alteration:{self.alteration}"] if self.alteration else []
            return " ".join(parts) or "all"
        return f"kind:{self.kind}" if self.kind else "all"


@dataclass(frozen=True, slots=True)
class Through:
    """Complete through a day, and by what statement."""

    day: int
    statement: str
    source: str = ""
    fact: str = ""
    currency: int | None = None


def absence(context: Context, need: Need, *, until: int, denials: Iterable[tuple[str, Through]] = (), change: Change,
            text: str, cost: str = "look_up", missing: Missing | None = None) -> Finding:  # fmt: skip
    """The finding that nothing unrecorded matches: not met where the record is complete for the question.

    `until` is the last day the question reaches, `denials` pairs of a concept and the statement that denies it.
    """
    wanted = missing or Missing("coverage", (need.scope,), need.domain, "", text, cost)
    through = complete_through(context, need, tuple(denials))
    if through is None:
        return unknown(Reason.NOT_RECORDED, missing=(wanted,))
    evidence = (Evidence(through.fact, through.statement, "", _shown(through.day), through.source),)
    currency = through.currency
    if currency is None:
        currency = context.settings.currency_lasting if need.lasting else context.settings.currency
    lapses = through.day + currency + 1
    if until <= through.day or context.known < lapses:
        # What was asked of the time before the record ends stays decided.
        moves = until > PAST and context.known < lapses < FUTURE
        return Finding(Truth.NOT_MET, None, change, (lapses,) if moves else (), evidence)
    return unknown(Reason.STALE, evidence=evidence, missing=(wanted,))


def list_complete(context: Context, kind: str) -> str:
    """The question by which a person can supply the coverage of treatments of a kind."""
    return f"list of {f'{kind} ' if kind else ''}treatments complete to {context.today.isoformat()}?"


def _shown(day: int) -> str:
    return "" if day in (PAST, FUTURE) else date.fromordinal(day).isoformat()


def complete_through(context: Context, need: Need, denials: tuple[tuple[str, Through], ...] = ()) -> Through | None:
    """The statement by which everything asked is complete, with the earliest day among those it needs."""
    rows = () if need.domain in context.patient.suspended else _rows_once(context, need)

    def through(concept: str | None) -> Through | None:
        found = [each for scope, each in rows if covers(context, scope, need, concept)]
        if concept is not None:
            found += [each for denied, each in denials if context.vocabulary.is_below(concept, denied)]
        if found:
            return max(found, key=lambda each: each.day)
        members = genes_of(context, concept)
        inner = [through(member) for member in members]
        told = [each for each in inner if each is not None]
        return min(told, key=lambda each: each.day) if told and len(told) == len(members) else None

    needed = [through(concept) for concept in need.concepts or (None,)]
    known = [each for each in needed if each is not None]
    return min(known, key=lambda each: each.day) if len(known) == len(needed) else None


def genes_of(context: Context, concept: str | None) -> list[str]:
    """The genes of a family: what is said of every one of them is said of the family."""
    if concept is None or context.concept(concept).domain is not Domain.GENE:
        return []
    return sorted(context.vocabulary.descendants(concept) - {concept})


def data_through(context: Context) -> int | None:
    """The day the patient's data reach: as stated, or a later fact's."""
    stated = context.patient.data_through
    if stated is None:
        return None
    cached = context.cache.get("data_through")
    if cached is None:
        # A planned treatment lies ahead and says nothing of what has been recorded.
        days = (day.toordinal() for day in _fact_days(context))
        cached = max([stated.toordinal(), *(day for day in days if day <= context.known)])
        context.cache["data_through"] = cached
    return cached  # type: ignore[return-value]  # written two lines above, an ordinal


def _fact_days(context: Context) -> Iterable[date]:
    for fact in context.patient.facts():
        day = getattr(fact, "date", None) or getattr(fact, "start", None)
        if day is not None:
            yield day.first


def _rows_once(context: Context, need: Need) -> tuple[tuple[str, Through], ...]:
    """The statements of completeness of a domain; they depend on nothing else of what is asked but its scope."""
    key = ("coverage", need.domain, need.scope)
    if key not in context.cache:
        context.cache[key] = tuple(_rows(context, need))
    return context.cache[key]  # type: ignore[return-value]  # written under this key one line above


def _rows(context: Context, need: Need) -> Iterable[tuple[str, Through]]:
    reaches = data_through(context)
    for row in context.patient.coverage:
        if row.domain != need.domain:
            continue
        day = _row_day(row, reaches)
        if day is not None:
            name = f"{need.domain.replace('_', ' ')} ({row.scope}) complete through {_shown(day)}"
            yield row.scope, Through(day, name, str(row.source), row.id, _policy_currency(context, need))
    for policy in context.patient.policies:
        if policy.domain != need.domain or not policy.complete_when_present:
            continue
        if policy.needs_data_through and context.patient.data_through is None:
            continue
        present = [fact for fact in _facts(context, need.domain) if _in_scope(context, fact, policy.scope)]
        if not present:
            continue
        recorded = max((fact.recorded for fact in present if fact.recorded is not None), default=None)
        day = reaches if reaches is not None else recorded.toordinal() if recorded is not None else PAST
        name = f"registry policy: {need.domain.replace('_', ' ')} ({policy.scope}) complete when present"
        yield policy.scope, Through(day, name, "registry policy", "", policy.currency_days)


def _row_day(row: Coverage, reaches: int | None) -> int | None:
    if row.complete_through is not None:
        return row.complete_through.toordinal()
    if reaches is not None:
        return reaches
    return row.recorded.toordinal() if row.recorded is not None else None


def _policy_currency(context: Context, need: Need) -> int | None:
    for policy in context.patient.policies:
        if policy.domain == need.domain and policy.scope in ("all", need.scope) and policy.currency_days is not None:
            return policy.currency_days
    return None


def _facts(context: Context, domain: str) -> Iterable[Fact]:
    patient = context.patient
    return {
        "conditions": patient.conditions,
        "treatments": patient.treatments,
        "medications": patient.medications,
        "observations": patient.observations,
        "biomarkers": patient.biomarkers,
        "disease_status": patient.disease_status,
    }[domain]


def _in_scope(context: Context, fact: Fact, scope: str) -> bool:
    """Whether a fact shows that its source keeps records of this scope. An unnamed or planned one does not."""
    if getattr(fact, "status", None) in ("planned", "absent"):
        return False
    return all(shows(context, fact, name, words) for name, words in tokens(scope).items())


def shows(context: Context, fact: Fact, name: str, words: tuple[str, ...]) -> bool:
    """Whether a fact lies within one restriction of a scope."""
    if name == "kind":
        return kind_of(context, fact) in words
    if name == "alteration":
        return getattr(fact, "alteration", None) in words
    if name == "class":
        recorded = getattr(fact, "concepts", ())
    elif name == "genes":
        recorded = getattr(fact, "genes", ())
    else:
        assay = getattr(fact, "assay", None)
        recorded = context.vocabulary.find(assay, Domain.ASSAY) if assay else ()
    asked = _concepts_of(context, name, words)
    return any(context.vocabulary.is_below(each, id) for each in recorded for id in asked)


def kind_of(context: Context, fact: Fact) -> str | None:
    """The kind of a treatment, condition or medication, as recorded or as its name says."""
    recorded: str | None = getattr(fact, "kind", None)
    if recorded is not None:
        return recorded
    if isinstance(fact, Medication):
        return "drug"
    if isinstance(fact, Treatment) and fact.concepts:
        return treatment_kind(context, fact.concepts[0])
    if isinstance(fact, Condition) and names_a_tumour(context, fact):
        return "primary"
    return None


def names_a_tumour(context: Context, row: Condition) -> bool:
    """Whether a condition row of no kind names a primary tumour."""
    if row.histologies:
        return METASTASIS not in row.histologies
    return bool(row.concepts) and context.concept(row.concepts[0]).domain is Domain.CANCER


@lru_cache(maxsize=4096)
def tokens(scope: str) -> dict[str, tuple[str, ...]]:
    """A scope as its restrictions; a bare word is read as the obvious one (`drug` is `kind:drug`)."""
    found: dict[str, tuple[str, ...]] = {}
    for token in _split(scope):
        name, colon, words = token.partition(":")
        if not colon:
            if folded(token) == "all":
                continue
            for candidate, column in (
                ("kind", "treatment_kind"),
                ("kind", "condition_kind"),
                ("alteration", "alteration"),
            ):
                code = read_code(column, token)
                if code is not None:
                    name, words = candidate, code
                    break
            else:
                name, words = "class", token
        found[name] = tuple(part.strip() for part in words.split("|") if part.strip())
    return found


def _split(scope: str) -> Iterable[str]:
    """Tokens of a scope; words after `class:` up to the next `name:` belong to the class."""
    current = ""
    for word in scope.split():
        if ":" in word or not current or ":" not in current:
            if current:
                yield current
            current = word
        else:
            current += " " + word
    if current:
        yield current


def _concepts_of(context: Context, name: str, words: tuple[str, ...]) -> list[str]:
    """The concepts that the words of a `class:`, `genes:` or `assay:` restriction name."""
    domains = {
        "class": (Domain.DRUG, Domain.PROCEDURE, Domain.CONDITION, Domain.CANCER),
        "genes": (Domain.GENE,),
        "assay": (Domain.ASSAY,),
    }
    return [id for word in words if name in domains for id in context.vocabulary.find(word, *domains[name])]


def covers(context: Context, scope: str, need: Need, concept: str | None) -> bool:
    """Whether a scope holds one asked concept of a need."""
    for name, words in tokens(scope).items():
        if name == "kind":
            # Medications are drugs, all of them.
            if ("drug" if need.domain == "medications" else need.kind) not in words:
                return False
        elif name == "alteration":
            if need.alteration not in words:
                return False
        elif name == "assay":
            if not _assay_covers(context, words, need):
                return False
        else:
            ids = _concepts_of(context, name, words)
            if concept is None or not any(context.vocabulary.is_below(concept, id) for id in ids):
                return False
    return True


#: The procedures of the vocabulary that stand at the head of a kind of treatment.
_HEADS = ("radiotherapy", "surgery", "transplant")


def treatment_kind(context: Context, concept: str) -> str:
    """drug, radiotherapy, surgery, transplant or procedure."""
    return kind_of_concept(context.vocabulary, concept)


@lru_cache(maxsize=16_384)
def kind_of_concept(vocabulary: Vocabulary, concept: str) -> str:
    """The kind of treatment that a drug or procedure is."""
    if vocabulary.concept(concept).domain is Domain.DRUG:
        return "drug"
    for head in _HEADS:
        if vocabulary.get(head) is not None and vocabulary.is_below(concept, head):
            return head
    return "procedure"


def treatment_kinds(context: Context, concept: str) -> frozenset[str]:
    """The kinds of treatment that a concept and what lies below it are: local therapy is surgery or radiotherapy."""
    return _kinds_below(context.vocabulary, concept)


@lru_cache(maxsize=16_384)
def _kinds_below(vocabulary: Vocabulary, concept: str) -> frozenset[str]:
    if vocabulary.concept(concept).domain is Domain.DRUG:
        return frozenset({"drug"})
    return frozenset(kind_of_concept(vocabulary, each) for each in vocabulary.descendants(concept))


def _assay_covers(context: Context, words: tuple[str, ...], need: Need) -> bool:
    if need.assay == ANOTHER_ASSAY:
        return False
    ids = _concepts_of(context, "assay", words)
    if need.assay:
        return any(context.vocabulary.is_below(id, need.assay) for id in ids)
    return bool(need.alteration) and any(context.vocabulary.sees(id, need.alteration) for id in ids)
