"""When silence is a statement, for many patients at once: `reference.records.coverage`, over arrays (SEMANTICS §2.2).

A registry knows few scopes and few policies, so which of them cover what is asked is decided once per scope, and which
records show that a source keeps records of a scope once per distinct word. Asked concepts that the same scopes cover
share one answer per patient; denials are of single patients and are looked at for those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import FACT_TABLES, NO_DAY, Bools, Coded, Ints, Longs, Table
from matcher.engine.bulk.findings import NOT_RECORDED, STALE, Findings, choose, either, not_met
from matcher.engine.bulk.groups import ascending
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records.coverage import (
    METASTASIS,
    Need,
    covers,
    genes_of,
    kind_of_concept,
    shows,
    tokens,
)
from matcher.engine.truth import Change
from patients.facts import Biomarker, Fact, Policy, Treatment
from patients.vocabulary import Domain, Vocabulary

#: The currency of a statement that has none of its own: that of the settings holds.
_OF_THE_SETTINGS = -1


@dataclass(frozen=True, slots=True)
class Denial:
    """Items whose record denies a concept, each through a day (ordinals)."""

    concept: str
    item: Longs
    day: Ints


@dataclass(frozen=True, slots=True)
class Through:
    """Complete through a day, for k patients: `day` NO_DAY where nothing says so, `currency` in days or -1."""

    day: Ints
    currency: Ints

    def lapses(self, usual: int) -> Ints:
        """The first day on which each is out of date; `usual` is the currency of what has none of its own."""
        currency = np.where(self.currency == _OF_THE_SETTINGS, usual, self.currency)
        return self.day + currency.astype(np.int32) + 1

    def take(self, index: NDArray[Any]) -> Through:
        """Those of some patients."""
        return Through(self.day[index], self.currency[index])


def absence(
    batch: Batch, need: Need, *, until: Ints, change: Change, denials: Sequence[Denial] = ()
) -> Findings:  # fmt: skip
    """The findings that nothing unrecorded matches: not met where the record is complete for the question.

    `until` is for each item the last day the question reaches (ordinals of shape (n,)). What the same statements cover
    has the same findings, of which there is one object: they are not to be written to.
    """
    usual = batch.settings.currency_lasting if need.lasting else batch.settings.currency
    through = complete_through(batch, need)

    def findings() -> tuple[Through, Ints, Findings]:
        day, lapses = (each[batch.patient] for each in (through.day, through.lapses(usual)))
        found = _absence(batch, day, lapses, batch.known, until, batch.asked, change)
        # What the key names is kept beside what it names.
        return through, until, found

    _, _, found = batch.once(("absence", id(through), id(until), usual, change), findings)
    denied = [denial for denial in denials if len(denial.item)]
    return _denied(batch, need, usual, until, change, found, denied) if denied else found


def _absence(
    batch: Batch, day: Ints, lapses: Ints, known: Ints, until: Ints, asked: Ints, change: Change
) -> Findings:  # fmt: skip
    """The same of items by the day through which all that is needed is complete, and the first on which that is out of
    date."""
    told, current = day != NO_DAY, known < lapses
    holds = told & (current | (until <= day))
    code = choose(holds, not_met(change), choose(told, STALE, NOT_RECORDED))
    if not batch.flips:
        return Findings(code)
    # What was asked of the time before the record ends stays decided.
    moves = holds & current & (until > PAST) & (lapses > asked) & (lapses < FUTURE)
    return Findings(code, np.where(moves, lapses, FUTURE).astype(np.int32) if moves.any() else None)


def _denied(
    batch: Batch, need: Need, usual: int, until: Ints, change: Change, found: Findings, denials: Sequence[Denial]
) -> Findings:  # fmt: skip
    """The findings with those of the items whose records deny some of what is asked."""
    items = ascending(np.concatenate([denial.item for denial in denials]))
    through = _with_denials(batch, need, items, denials)
    mine = _absence(
        batch, through.day, through.lapses(usual), batch.known[items], until[items], batch.asked[items], change
    )
    code, flips = found.code.copy(), found.flips
    code[items] = mine.code
    if flips is not None or mine.flips is not None:
        flips = np.full(batch.n, FUTURE, np.int32) if flips is None else flips.copy()
        flips[items] = FUTURE if mine.flips is None else mine.flips
    return Findings(code, flips)


def either_absence(batch: Batch, parts: Sequence[Findings]) -> Findings:
    """OR of findings of `absence`: where all share theirs, the same object."""
    distinct = tuple({id(part): part for part in parts}.values())
    if len(distinct) == 1:
        return distinct[0]
    key = ("either absence", *(id(part) for part in distinct))
    return batch.once(key, lambda: (distinct, either(distinct)))[1]


def complete_through(batch: Batch, need: Need) -> Through:
    """Per patient the statement by which everything asked is complete, with the earliest day among those it needs.

    What the same statements hold is one object.
    """
    view = batch.view

    def make() -> Through:
        return _complete(batch.words, need, lambda concept: _stated(batch, need, concept), view.once)

    return view.once(("complete", need), make)


def _with_denials(batch: Batch, need: Need, items: Longs, denials: Sequence[Denial]) -> Through:
    """The same for some items, whose records deny some of what is asked."""
    patients = batch.patient[items]

    def stated(concept: str | None) -> Through:
        found = _stated(batch, need, concept).take(patients)
        if concept is None:
            return found
        day = np.zeros(len(items), np.int32)
        for denial in denials:
            if batch.vocabulary.is_below(concept, denial.concept):
                np.maximum.at(day, np.searchsorted(items, denial.item), denial.day)
        return _later(found, Through(day, np.full(len(items), _OF_THE_SETTINGS, np.int32)))

    return _complete(batch.words, need, stated, lambda _, make: make())


_Once = Callable[[Hashable, Callable[[], tuple[Any, Through]]], tuple[Any, Through]]


def _complete(words: Context, need: Need, stated: Callable[[str | None], Through], once: _Once) -> Through:
    """What holds of every concept asked, from what is stated of single ones; of a family its genes may be told of.

    `once` remembers what is made of the same statements.
    """

    def earliest(parts: Iterable[Through]) -> Through:
        distinct = tuple({id(part): part for part in parts}.values())
        if len(distinct) == 1:
            return distinct[0]
        key = ("earliest", *(id(part) for part in distinct))
        return once(key, lambda: (distinct, _earliest(distinct)))[1]

    def through(concept: str | None) -> Through:
        found = stated(concept)
        genes = genes_of(words, concept)
        if not genes:
            return found
        inner = earliest(through(gene) for gene in genes)
        if inner is found:
            return found
        return once(("family", id(found), id(inner)), lambda: ((found, inner), _filled(found, inner)))[1]

    return earliest(through(concept) for concept in need.concepts or (None,))


def _filled(found: Through, inner: Through) -> Through:
    """Where nothing is stated of a family, what is stated of all its genes."""
    silent = found.day == NO_DAY
    return Through(np.where(silent, inner.day, found.day), np.where(silent, inner.currency, found.currency))


def _later(first: Through, second: Through) -> Through:
    """Of two statements the one that reaches further; of equals the first."""
    takes = second.day > first.day
    return Through(np.where(takes, second.day, first.day), np.where(takes, second.currency, first.currency))


def _earliest(parts: Sequence[Through]) -> Through:
    """Of statements that are all needed the one that ends first (of equals the first); none where one is missing."""
    found, *others = parts
    for part in others:
        # NO_DAY lies before every day, so that what is missing stays missing.
        takes = part.day < found.day
        found = Through(np.where(takes, part.day, found.day), np.where(takes, part.currency, found.currency))
    return found


# --- statements ----------------------------------------------------------------------------------------------------


def _stated(batch: Batch, need: Need, concept: str | None) -> Through:
    """Per patient the furthest statement of completeness that holds one asked concept."""
    view, domain = batch.view, need.domain
    known = view.once(("scopes", domain), lambda: _scopes(view, domain))
    covering = frozenset(scope for scope in known if covers(batch.words, scope, need, concept))
    return view.once(("stated", domain, need.scope, covering), lambda: _statements(batch, need, covering))


def _scopes(view: View, domain: str) -> tuple[str, ...]:
    """The scopes that anything is said of in a domain."""
    rows, scopes, _ = _coverage(view, domain)
    told = [scopes.values[code] for code in np.unique(scopes.codes[rows])]
    policies = [policy.scope for each in view.columns.policies.values for policy in _speaking(each, domain)]
    return tuple(dict.fromkeys((*told, *policies)))


def _speaking(policies: Sequence[Policy], domain: str) -> list[Policy]:
    return [policy for policy in policies if policy.domain == domain and policy.complete_when_present]


def _coverage(view: View, domain: str) -> tuple[Longs, Coded, Ints]:
    """The coverage rows of a domain: their indices, and of all rows the scope and the day they reach."""

    def days() -> Ints:
        table = view.tables["coverage"]
        reaches = data_through(view)[table.patient]
        said = np.where(reaches != NO_DAY, reaches, table.day["recorded"])
        through = table.day["complete_through"]
        return np.where(through != NO_DAY, through, said).astype(np.int32)

    table = view.tables["coverage"]
    domains = table.coded["domain"]
    rows = np.flatnonzero(domains.codes == domains.code_of(domain)).astype(np.int64)
    return rows, table.coded["scope"], view.once("coverage days", days)


def _statements(batch: Batch, need: Need, covering: frozenset[str]) -> Through:
    """Per patient the furthest statement of any of the scopes that cover a concept: rows first, then policies."""
    view, columns, domain = batch.view, batch.view.columns, need.domain
    found = Through(np.zeros(view.patients, np.int32), np.full(view.patients, _OF_THE_SETTINGS, np.int32))
    if not covering:
        return found
    rows, scopes, reached = _coverage(view, domain)
    rows = rows[scopes.table(lambda scope: scope in covering, np.bool_)[scopes.codes[rows]]]
    np.maximum.at(found.day, view.tables["coverage"].patient[rows], reached[rows])
    found = Through(found.day, columns.policies.map(lambda each: _row_currency(each, need), np.int32))
    for code, policies in enumerate(columns.policies.values):
        mine = columns.policies.codes == code
        for policy in _speaking(policies, domain):
            if policy.scope in covering:
                found = _later(found, _by_policy(batch, policy, mine))
    suspended = columns.suspended.map(lambda domains: domain in domains, np.bool_)
    return Through(np.where(suspended, NO_DAY, found.day).astype(np.int32), found.currency)


def _row_currency(policies: Sequence[Policy], need: Need) -> int:
    """The currency of coverage rows: that of the first policy that has one for them."""
    for policy in policies:
        if policy.domain == need.domain and policy.scope in ("all", need.scope) and policy.currency_days is not None:
            return policy.currency_days
    return _OF_THE_SETTINGS


def _by_policy(batch: Batch, policy: Policy, mine: Bools) -> Through:
    """Complete when present: for the patients of a policy who have a fact of its scope."""
    view = batch.view
    present, recorded = view.once(
        ("present", policy.domain, policy.scope), lambda: _present(batch, policy.domain, policy.scope)
    )
    reaches = data_through(view)
    day = np.where(reaches != NO_DAY, reaches, np.where(recorded != NO_DAY, recorded, PAST))
    holds = mine & present
    if policy.needs_data_through:
        holds &= view.columns.data_through != NO_DAY
    currency = _OF_THE_SETTINGS if policy.currency_days is None else policy.currency_days
    return Through(np.where(holds, day, NO_DAY).astype(np.int32), np.full(view.patients, currency, np.int32))


def _present(batch: Batch, domain: str, scope: str) -> tuple[Bools, Ints]:
    """Which patients have a fact that shows that their source keeps records of a scope, and the last recording day."""
    table = batch.table(domain)
    shown = _in_scope(batch.words, table, scope)
    patient = table.patient[shown]
    present = np.zeros(table.patients, np.bool_)
    present[patient] = True
    recorded = np.zeros(table.patients, np.int32)
    np.maximum.at(recorded, patient, table.day["recorded"][shown])
    return present, recorded


def _in_scope(words: Context, table: Table, scope: str) -> Bools:
    """Per row whether it lies within a scope. An unnamed or planned one does not."""
    found = np.ones(table.rows, np.bool_)
    if "status" in table.coded:
        found &= ~table.coded["status"].map(lambda status: status in ("planned", "absent"), np.bool_)
    for name, asked in tokens(scope).items():
        found &= _shown(words, table, name, asked)
    return found


#: The columns that restrictions of a scope other than `kind:` are read from, and records that hold nothing else.
_RESTRICTED: dict[str, tuple[str, Callable[[Any], Fact]]] = {
    "class": ("concepts", lambda value: Treatment(id="", concepts=value)),
    "genes": ("genes", lambda value: Biomarker(id="", genes=value)),
    "alteration": ("alteration", lambda value: Biomarker(id="", alteration=value)),
    "assay": ("assay", lambda value: Biomarker(id="", assay=value)),
}


def _shown(words: Context, table: Table, name: str, asked: tuple[str, ...]) -> Bools:
    """Per row whether it lies within one restriction of a scope."""
    if name == "kind":
        return kind_of(table, words.vocabulary).map(lambda kind: kind in asked, np.bool_)
    # Only a scope that covers what is asked comes here: its restrictions are known, and its domain has their columns.
    column, record = _RESTRICTED[name]
    return table.coded[column].map(lambda value: shows(words, record(value), name, asked), np.bool_)


# --- kinds, and how far the data reach -----------------------------------------------------------------------------


def kind_of(table: Table, vocabulary: Vocabulary) -> Coded:
    """The kind of treatments, conditions or medications, as recorded or as their name says; of other facts none."""
    if table.name == "medications":
        return Coded((None, "drug"), np.ones(table.rows, np.int32))
    recorded = table.coded.get("kind")
    if recorded is None:
        return Coded((None,), np.zeros(table.rows, np.int32))
    concepts = table.coded["concepts"]
    code_by_kind = {kind: code for code, kind in enumerate(recorded.values)}

    def coded(kind: str | None) -> int:
        return code_by_kind.setdefault(kind, len(code_by_kind))

    if table.name == "treatments":
        named = concepts.map(lambda ids: coded(kind_of_concept(vocabulary, ids[0]) if ids else None), np.int32)
    else:
        histologies = table.coded["histologies"]
        tumour = np.where(
            histologies.map(bool, np.bool_),
            histologies.map(lambda ids: METASTASIS not in ids, np.bool_),
            concepts.map(lambda ids: bool(ids) and vocabulary.concept(ids[0]).domain is Domain.CANCER, np.bool_),
        )
        named = np.where(tumour, coded("primary"), coded(None)).astype(np.int32)
    codes = np.where(recorded.codes == coded(None), named, recorded.codes).astype(np.int32)
    return Coded(tuple(code_by_kind), codes)


def data_through(view: View) -> Ints:
    """Per patient the day their data reach: as stated, or a later fact's; NO_DAY where none is stated."""

    def make() -> Ints:
        reaches = view.columns.data_through.copy()
        stated = reaches != NO_DAY
        for name in FACT_TABLES:
            table = view.tables[name]
            day = table.lo["start" if "start" in table.lo else "date"]
            # A planned treatment lies ahead and says nothing of what has been recorded.
            counts = stated[table.patient] & (day <= view.known[table.patient])
            np.maximum.at(reaches, table.patient[counts], day[counts])
        return reaches

    return view.once("data through", make)
