"""When silence is a statement: which part of a question the record answers completely (SEMANTICS §2.2).

A domain is complete for a patient up to a day C by a coverage row, by a registry policy for those who have at least
one fact of it, or by denials of everything that is asked. Asked about a period that ends by C, or while C is still
current, absence is a fact; beyond that it is *stale*; with no C at all nothing was ever said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from matcher.engine.context import Context
from matcher.engine.days import FUTURE
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Coverage, Fact, Treatment, folded, read_code
from patients.vocabulary import Domain


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
    if until <= through.day or context.known - through.day <= currency:
        lapses = through.day + currency + 1
        return Finding(Truth.NOT_MET, None, change, (lapses,) if context.known < lapses < FUTURE else (), evidence)
    return unknown(Reason.STALE, evidence=evidence, missing=(wanted,))


def _shown(day: int) -> str:
    return "" if day >= FUTURE else date.fromordinal(day).isoformat()


def complete_through(context: Context, need: Need, denials: tuple[tuple[str, Through], ...] = ()) -> Through | None:
    """The statement by which everything asked is complete, with the earliest day among those it needs."""
    rows = () if need.domain in context.patient.suspended else tuple(_rows(context, need))
    asked: tuple[str | None, ...] = need.concepts or (None,)
    needed: list[Through] = []
    for concept in asked:
        found = [through for row, through in rows if _covers(context, row, need, concept)]
        if concept is not None:
            found += [through for denied, through in denials if context.vocabulary.is_below(concept, denied)]
        else:
            found += [through for denied, through in denials if denied == "any"]
        if not found:
            return None
        needed.append(max(found, key=lambda through: through.day))
    return min(needed, key=lambda through: through.day)


def data_through(context: Context) -> int | None:
    """The day the patient's data reach: as stated, or a later fact's."""
    stated = context.patient.data_through
    if stated is None:
        return None
    cached = context.cache.get("data_through")
    if cached is None:
        latest = max((day.toordinal() for day in _fact_days(context)), default=0)
        cached = max(stated.toordinal(), latest)
        context.cache["data_through"] = cached
    return cached  # type: ignore[return-value]  # written two lines above, an ordinal


def _fact_days(context: Context) -> Iterable[date]:
    for fact in context.patient.facts():
        day = getattr(fact, "date", None) or getattr(fact, "start", None)
        if day is not None:
            yield day.first


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
        day = reaches if reaches is not None else recorded.toordinal() if recorded is not None else context.known
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
    kinds = _tokens(scope).get("kind")
    kind = getattr(fact, "kind", None)
    if isinstance(fact, Treatment) and kind is None and fact.concepts:
        kind = "drug" if context.concept(fact.concepts[0]).domain is Domain.DRUG else None
    if getattr(fact, "status", None) in ("planned", "absent"):
        return False
    return kinds is None or kind in kinds


def _tokens(scope: str) -> dict[str, tuple[str, ...]]:
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


def _covers(context: Context, scope: str, need: Need, concept: str | None) -> bool:
    """Whether a scope holds one asked concept of a need."""
    tokens = _tokens(scope)
    for name, words in tokens.items():
        if name == "kind":
            if kind_asked(context, need, concept) not in words:
                return False
        elif name == "class":
            ids = [
                id
                for word in words
                for id in context.vocabulary.find(word, Domain.DRUG, Domain.PROCEDURE, Domain.CONDITION, Domain.CANCER)
            ]
            if concept is None or not any(context.vocabulary.is_below(concept, id) for id in ids):
                return False
        elif name == "genes":
            ids = [id for word in words for id in context.vocabulary.find(word, Domain.GENE)]
            if concept is None or not _gene_covered(context, concept, ids):
                return False
        elif name == "alteration":
            if need.alteration not in words:
                return False
        elif name == "assay":
            if not _assay_covers(context, words, need):
                return False
        else:
            return False
    return True


def kind_asked(context: Context, need: Need, concept: str | None) -> str:
    """The kind of treatment a concept is, or the kind the need names."""
    if need.domain != "treatments" or concept is None:
        return need.kind
    return treatment_kind(context, concept)


#: The procedures of the vocabulary that stand at the head of a kind of treatment.
_HEADS = ("radiotherapy", "surgery", "transplant")


def treatment_kind(context: Context, concept: str) -> str:
    """drug, radiotherapy, surgery, transplant or procedure."""
    if context.concept(concept).domain is Domain.DRUG:
        return "drug"
    for head in _HEADS:
        if context.vocabulary.get(head) is not None and context.vocabulary.is_below(concept, head):
            return head
    return "procedure"


def _gene_covered(context: Context, gene: str, covered: list[str]) -> bool:
    vocabulary = context.vocabulary
    if any(vocabulary.is_below(gene, id) for id in covered):
        return True
    members = vocabulary.descendants(gene) - {gene}
    return bool(members) and all(any(vocabulary.is_below(member, id) for id in covered) for member in members)


def _assay_covers(context: Context, words: tuple[str, ...], need: Need) -> bool:
    ids = [id for word in words for id in context.vocabulary.find(word, Domain.ASSAY)]
    if need.assay:
        return any(context.vocabulary.is_below(id, need.assay) for id in ids)
    return bool(need.alteration) and any(context.vocabulary.sees(id, need.alteration) for id in ids)
