"""The cancers of many patients, each told of by one row or several (`reference.records.disease`, over arrays).

What a row may mean depends on its words alone: the distinct combinations of them are condition rows of nobody, of which
the reference's own functions are asked once. Only days and who said what are arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.alike import alike
from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Codes, Ints, Lexicon, Longs, Table
from matcher.engine.bulk.coverage import data_through
from matcher.engine.bulk.findings import STALE
from matcher.engine.bulk.groups import (
    Groups,
    all_equal,
    among,
    any_of,
    bounds_of,
    gather,
    per_pair,
    sequences,
    spread_out,
)
from matcher.engine.bulk.states import NO_REASON, Statements, States, latest
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records import disease as dz
from matcher.engine.truth import Truth
from patients.facts import Condition, folded
from patients.vocabulary import Domain

_WORDS = ("concepts", "histologies", "sites", "agents", "kind")

#: Whether a primary is denied by rows of the day of its latest statement, or by rows of a day nobody recorded.
NOT_DENIED, DENIED_THAT_DAY, DENIED_SOME_DAY = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Tumours:
    """The patients' primaries, ascending by patient and within a patient in the reference's order.

    `rows` are the condition rows that tell of each. `readings` holds for each the tuple of what it may be, `malignant`
    whether it is or may be malignant, `denied` one of the three codes above. Those of patient p are
    `starts[p]:starts[p + 1]`. `ids` are the pairs of a primary and a code of the column `diagnosis_id`, as
    `primary * id_count + code`, ascending; `patient_ids` the same with the patient in the place of the primary.
    """

    rows: Groups
    readings: Coded
    malignant: Bools
    denied: Codes
    starts: Longs
    ids: Longs
    patient_ids: Longs

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def patient(self) -> Longs:
        """The patient of each."""
        return self.rows.patient

    @property
    def last(self) -> Longs:
        """The latest row of each."""
        return self.rows.last


# --- what rows mean ------------------------------------------------------------------------------------------------


def meanings(view: View, table: Table) -> Coded:
    """The words of condition rows that say what each is, as rows of nobody: one per distinct combination.

    The parts of a registry number them alike, so that what is decided of them holds for all.
    """
    columns = [table.coded[name] for name in _WORDS]
    first, code = alike([column.codes for column in columns])
    combinations = [
        tuple(column.values[held] for column, held in zip(columns, each, strict=True))
        for each in zip(*(column.codes[first].tolist() for column in columns), strict=True)
    ]
    lexicon: Lexicon = view.columns.decided.setdefault("meanings", Lexicon())
    codes = lexicon.codes_of(combinations, lambda words: Condition(id="", **dict(zip(_WORDS, words, strict=True))))
    return Coded(lexicon.values, codes[code])


def meanings_in(view: View) -> Coded:
    """The meanings of the view's condition rows."""
    return view.once("meanings", lambda: meanings(view, view.tables["conditions"]))


def with_status(table: Table, status: str) -> Bools:
    """Which rows have a status."""
    column = table.coded["status"]
    found: Bools = column.codes == column.code_of(status)
    return found


def is_metastasis(view: View, words: Context) -> Bools:
    """Which condition rows tell of a metastasis."""
    return view.once(
        ("metastasis", words.vocabulary),
        lambda: meanings_in(view).map(lambda row: dz.is_metastasis(words, row), np.bool_),
    )


def denies(words: Context, absent: Coded, row: Coded) -> Bools:
    """Whether absent rows deny others, pair by pair, by their meanings."""
    return per_pair(absent, row, lambda a, b: dz.denies(words, a, b), np.bool_)


# --- primaries -----------------------------------------------------------------------------------------------------


def tumours(view: View, words: Context) -> Tumours:
    """The primaries of each patient, each once; one that a later row denies is none."""
    return view.once(("tumours", words.vocabulary), lambda: _tumours(view, words))


def _tumours(view: View, words: Context) -> Tumours:
    table, means = view.tables["conditions"], meanings_in(view)
    absent = with_status(table, "absent")
    primary = ~absent & means.map(lambda row: dz.is_primary(words, row), np.bool_)
    unread = ~absent & means.map(
        lambda row: row.kind is None and not (row.histologies or row.concepts or row.agents), np.bool_
    )  # fmt: skip
    has_one = any_of(view.patients, table.patient, primary)
    told = np.flatnonzero(primary | (unread & ~has_one[table.patient]))
    groups = _gathered(words, table, means, told)
    refuted, denied = _denied(words, groups, means, np.flatnonzero(absent))
    groups, denied = groups.some(~refuted), denied[~refuted]
    owner, member = groups.owner, means.take(groups.rows)
    may_be_malignant = member.map(lambda row: dz.is_malignant(words, row) is not Truth.NOT_MET, np.bool_)
    return Tumours(
        rows=groups,
        readings=_readings(view, words, groups, member),
        malignant=any_of(len(groups), owner, may_be_malignant),
        denied=denied,
        starts=np.searchsorted(groups.patient, np.arange(view.patients + 1)).astype(np.int64),
        ids=_ids(table, owner, groups.rows),
        patient_ids=_ids(table, groups.patient[owner], groups.rows),
    )


def _gathered(words: Context, table: Table, means: Coded, told: Longs) -> Groups:
    """Rows that tell of primaries, as primaries."""
    ids, sides, named = _codes_of_ids(table), table.coded["laterality"], table.flag["named"] == 1
    # Left and right are 1 and 2, all else 0.
    side = sides.table(lambda word: {"left": 1, "right": 2}.get(word, 0), np.int8)[sides.codes]
    itself = means.map(lambda row: dz.same_tumour(words, row, row), np.bool_)

    def same(a: Longs, b: Longs) -> Bools:
        by_id = (ids[a] > 0) & (ids[b] > 0)
        open_ = ~by_id & (side[a] * side[b] != 2) & named[a] & named[b]
        found: Bools = by_id & (ids[a] == ids[b])
        found[open_] = per_pair(
            means.take(a[open_]), means.take(b[open_]), lambda x, y: dz.same_tumour(words, x, y), np.bool_
        )
        return found

    def plainly(rows: Longs, begins: Longs) -> Bools:
        one_id = all_equal(ids[rows], begins)
        one_name = all_equal(means.codes[rows], begins) & all_equal(side[rows], begins)
        clear = np.minimum.reduceat(named[rows] & itself[rows], begins)
        return one_id & ((ids[rows[begins]] > 0) | (one_name & clear))

    return gather(table, told, same, plainly)


def _codes_of_ids(table: Table) -> NDArray[np.int32]:
    """The codes of `diagnosis_id`; 0 also of an empty one."""
    column = table.coded["diagnosis_id"]
    found: NDArray[np.int32] = np.where(column.codes == column.code_of(""), 0, column.codes)
    return found


def _ids(table: Table, owner: Longs, rows: Longs) -> Longs:
    codes, size = _codes_of_ids(table)[rows], len(table.coded["diagnosis_id"].values)
    kept = codes > 0
    return np.unique(owner[kept] * size + codes[kept])


def _denied(words: Context, groups: Groups, means: Coded, absent: Longs) -> tuple[Bools, Codes]:
    """Which primaries a later row denies, and how the others may be denied."""
    table, count = groups.table, len(groups)
    refuted, denied = np.zeros(count, np.bool_), np.full(count, NOT_DENIED, np.uint8)
    starts = np.searchsorted(groups.patient, np.arange(table.patients + 1))
    who = table.patient[absent]
    run, tumour = spread_out(starts[who], starts[who + 1] - starts[who])
    if not len(run):
        return refuted, denied
    row = absent[run]
    codes, size = _codes_of_ids(table), len(table.coded["diagnosis_id"].values)
    same_id = (codes[row] > 0) & among(_ids(table, groups.owner, groups.rows), tumour * size + codes[row])
    members = np.diff(groups.bounds)[tumour]
    pair, member = spread_out(groups.bounds[tumour], members)
    denying = denies(words, means.take(row[pair]), means.take(groups.rows[member]))
    named = means.take(row).map(lambda each: bool(each.concepts or each.histologies), np.bool_)
    about = same_id | (named & ~any_of(len(row), pair, ~denying))
    row, tumour = row[about], tumour[about]
    # The latest day of what tells of a primary; none where all of it is undated.
    latest = np.zeros(count, np.int32)
    np.maximum.at(latest, groups.owner, table.hi["date"][groups.rows])
    lo, hi = table.lo["date"][row], table.hi["date"][row]
    dated = (lo != NO_DAY) & (latest[tumour] != NO_DAY)
    refuted[tumour[dated & (lo > latest[tumour])]] = True
    doubting = ~dated | (hi >= latest[tumour])
    denied[tumour[doubting]] = DENIED_THAT_DAY
    denied[tumour[doubting & (lo == NO_DAY)]] = DENIED_SOME_DAY
    return refuted, denied


def _readings(view: View, words: Context, groups: Groups, member: Coded) -> Coded:
    """What each primary may be: depends on the words of its rows in their order."""
    told = sequences(groups, member.codes)

    def read(codes: tuple[int, ...]) -> tuple[Reading, ...]:
        return dz.tumour_readings(words, dz.Disease(tuple(member.values[code] for code in codes)))

    lexicon: Lexicon = view.columns.decided.setdefault(("readings", words.vocabulary), Lexicon())
    table = lexicon.codes_of(read(codes) for codes in told.values[1:])
    return Coded(lexicon.values, table[told.codes - 1] if len(table) else told.codes)


# --- this cancer ---------------------------------------------------------------------------------------------------


def items_of(view: View, words: Context) -> tuple[Longs, Longs]:
    """The items of a document: each patient with each primary that is or may be its cancer, or with none (-1)."""
    found, cancer = tumours(view, words), words.cancer
    asked = (dz.MALIGNANCY,) if cancer is None or cancer.is_any else words.concepts(cancer, (Domain.CANCER,))
    focus = np.flatnonzero(found.readings.map(lambda means: words.is_a(means, asked)[0] is not Truth.NOT_MET, np.bool_))
    without = np.ones(view.patients, np.bool_)
    without[found.patient[focus]] = False
    others = np.flatnonzero(without)
    patient = np.concatenate([found.patient[focus], others])
    order = np.argsort(patient, kind="stable")
    return patient[order], np.concatenate([focus, np.full(len(others), -1, np.int64)])[order]


def belongs(batch: Batch, item: Longs, diagnosis: Coded) -> NDArray[np.uint8]:
    """Whether facts that name a diagnosis (or none) tell of the item's cancer: truths of m pairs."""
    found = tumours(batch.view, batch.words)
    focus, patient = batch.focus[item], batch.patient[item]
    if batch.cancer is None:
        truth = np.where(np.diff(found.starts)[patient] == 0, Truth.MET, Truth.UNKNOWN).astype(np.uint8)
    else:
        truth = np.full(len(item), Truth.UNKNOWN, np.uint8)
    of_one = np.flatnonzero(focus >= 0)
    truth[of_one] = belongs_to(batch.view, batch.words, focus[of_one], diagnosis.take(of_one))
    return truth


def belongs_to(view: View, words: Context, tumour: Longs, diagnosis: Coded) -> NDArray[np.uint8]:
    """Whether facts of the same patient that name a diagnosis (or none) tell of a primary: truths of m pairs."""
    found = tumours(view, words)
    others = _malignant_others(view, words)[tumour]
    truth = np.where(others > 0, Truth.UNKNOWN, Truth.MET).astype(np.uint8)
    named = np.flatnonzero((diagnosis.codes != 0) & (diagnosis.codes != diagnosis.code_of("")))
    if not len(named):
        return truth
    ids = view.tables["conditions"].coded["diagnosis_id"]
    codes = _translated(view, diagnosis, ids)[diagnosis.codes[named]]
    at, size = tumour[named], len(ids.values)
    mine = (codes >= 0) & among(found.ids, at * size + codes)
    any_one = (codes >= 0) & among(found.patient_ids, found.patient[at] * size + codes)
    truth[named] = np.where(mine, Truth.MET, np.where(any_one, Truth.NOT_MET, Truth.UNKNOWN))
    by_name = named[~any_one]
    truth[by_name] = _by_name(words, found, tumour[by_name], diagnosis.take(by_name), others[by_name])
    return truth


def _malignant_others(view: View, words: Context) -> Longs:
    """How many primaries of the same patient, beside each, are or may be malignant."""

    def make() -> Longs:
        found = tumours(view, words)
        upto, patient = bounds_of(found.malignant), found.patient
        others: Longs = upto[found.starts[patient + 1]] - upto[found.starts[patient]] - found.malignant
        return others

    return view.once(("malignant others", words.vocabulary), make)


def _translated(view: View, words: Coded, ids: Coded) -> Longs:
    """For each word of one dictionary its code in another, -1 where it has none."""

    def translate() -> tuple[Coded, Longs]:
        known = {value: code for code, value in enumerate(ids.values)}
        # The dictionary is kept beside what was made of it, so that no other can take its place in memory.
        return words, np.array([known.get(value, -1) for value in words.values], np.int64)

    return view.once(("diagnosis", id(words.values)), translate)[1]


def _by_name(
    words: Context, found: Tumours, tumour: Longs, diagnosis: Coded, others: Longs
) -> NDArray[np.uint8]:  # fmt: skip
    """Whether facts belong that name a diagnosis in words: to the one primary that it can mean."""

    def lies(means: tuple[Reading, ...], name: str) -> int:
        ids = words.vocabulary.find(name, Domain.CANCER)
        return -1 if not ids else int(words.is_a(means, ids)[0])

    mine = per_pair(found.readings.take(tumour), diagnosis, lies, np.int8)
    truth = np.where(others > 0, Truth.UNKNOWN, Truth.MET).astype(np.uint8)
    truth[mine == -1] = Truth.UNKNOWN
    truth[mine == Truth.NOT_MET] = Truth.NOT_MET
    rivalled = np.flatnonzero((mine == Truth.MET) & (others > 0))
    patient = found.patient[tumour[rivalled]]
    run, other = spread_out(found.starts[patient], found.starts[patient + 1] - found.starts[patient])
    kept = found.malignant[other] & (other != tumour[rivalled][run])
    run, other = run[kept], other[kept]
    theirs = per_pair(found.readings.take(other), diagnosis.take(rivalled[run]), lies, np.int8)
    alone = ~any_of(len(rivalled), run, theirs != Truth.NOT_MET)
    truth[rivalled[alone]] = Truth.MET
    return truth


# --- lesions -------------------------------------------------------------------------------------------------------


def lesions(table: Table, means: Coded, rows: Longs) -> Groups:
    """Other diseases: rows of the same meaning, kind and site are statements about one.

    `means` are the meanings of the rows of `table`.
    """
    raw, ids = table.coded["raw"], _codes_of_ids(table)
    # What no list knows is told apart by its name; no kind is a comorbidity.
    known: dict[tuple[object, ...], int] = {}
    meaning = np.array([
        known.setdefault(
            (row.concepts, row.histologies, row.agents, row.sites, "comorbidity" if row.kind is None else row.kind),
            len(known),
        )
        for row in means.values
    ], np.int64)  # fmt: skip
    spelled: dict[str, int] = {}
    names = raw.table(lambda word: spelled.setdefault(folded(word or ""), len(spelled)), np.int64)
    nameless = means.table(lambda row: not (row.concepts or row.histologies or row.agents), np.bool_)
    mine = means.codes[rows]
    _, kin = alike([meaning[mine], np.where(nameless[mine], names[raw.codes[rows]] + 1, 0)])

    def same(a: Longs, b: Longs) -> Bools:
        found: Bools = (ids[a] == 0) | (ids[b] == 0) | (ids[a] == ids[b])
        return found

    return gather(table, rows, same, lambda rows, begins: all_equal(ids[rows], begins), kin=kin)


# --- states --------------------------------------------------------------------------------------------------------


def attributes(groups: Groups, name: str, default: str | None = None) -> States:
    """A field of diseases from the latest row that records it; a row that leaves it out says `default`."""
    column = groups.table.coded[name].take(groups.rows)
    kept = np.arange(len(groups.rows)) if default is not None else np.flatnonzero(column.codes)
    values = tuple(str(value or default) for value in column.values)
    return latest(len(groups), _said(groups, kept, values, column.codes[kept]))


def attribute(view: View, words: Context, name: str, default: str | None = None) -> States:
    """A field of each primary."""
    key = ("attribute", words.vocabulary, name, default)
    return view.once(key, lambda: attributes(tumours(view, words).rows, name, default))


def _said(groups: Groups, member: Longs, values: tuple[str, ...], codes: NDArray[Any]) -> Statements:
    """What some of the rows of groups say, on the day of each row; words that are spelled the same are one."""
    known = {value: code for code, value in reversed(list(enumerate(values)))}
    one = np.array([known[value] for value in values], np.int64)
    row = groups.rows[member]
    days = Spans(groups.table.lo["date"][row], groups.table.hi["date"][row])
    return Statements(values, groups.owner[member], one[codes], days, np.zeros(len(row), np.bool_))


def extents(view: View, words: Context) -> States:
    """The extent of each primary: stated, or metastatic by a metastasis or an event of distant metastasis."""
    key = ("extents", words.vocabulary, words.settings.currency)
    return view.once(key, lambda: _extents(view, words))


def _extents(view: View, words: Context) -> States:
    found = tumours(view, words)
    n = len(found)
    stated, spread = extent_statements(view, words)
    held, state = latest(n, stated), latest(n, stated.and_(spread))
    values = stated.values
    metastatic = np.array([dz.extent_within(value, dz.METASTATIC) for value in values], np.bool_)
    # What is metastatic already is not superseded by one more metastasis.
    stays = (held.reason == NO_REASON) & held.has & metastatic[held.single]
    state = _either_state(stays, held, state)
    short = any_of(n, state.said.owner, ~metastatic[state.said.code]) & ~stays
    lapses = _lapses(view, words, found)
    fresh = (lapses != NO_DAY) & (view.known[found.patient] < lapses)
    stale = short & ~fresh
    state = replace(state, flips=np.where(short & fresh, lapses, FUTURE).astype(np.int32))
    if not stale.any():
        return state
    worse = [(code, values.index(each)) for code, value in enumerate(values) for each in dz.WORSE.get(value, ())]
    more = [state.said] + [_also(state.said.take(stale[state.said.owner]), code, other) for code, other in worse]
    said = more[0]
    for each in more[1:]:
        said = said.and_(each)
    gone = np.where(stale, NO_DAY, state.since.lo).astype(np.int32)
    return replace(
        state,
        said=said,
        single=np.where(stale, -1, state.single),
        reason=np.where(stale, STALE, state.reason).astype(np.uint8),
        open=state.open & ~stale,
        since=Spans(gone, np.where(stale, NO_DAY, state.since.hi).astype(np.int32)),
    )


def _also(said: Statements, code: int, other: int) -> Statements:
    """Beside each statement of a code one of another."""
    found = said.take(said.code == code)
    return replace(found, code=np.full(len(found.owner), other, np.int64))


def _either_state(mask: Bools, yes: States, no: States) -> States:
    """One state where the mask holds, the other elsewhere."""
    return States(
        said=yes.said.take(mask[yes.said.owner]).and_(no.said.take(~mask[no.said.owner])),
        has=np.where(mask, yes.has, no.has),
        single=np.where(mask, yes.single, no.single),
        reason=np.where(mask, yes.reason, no.reason),
        open=np.where(mask, yes.open, no.open),
        since=Spans(np.where(mask, yes.since.lo, no.since.lo), np.where(mask, yes.since.hi, no.since.hi)),
        flips=no.flips,
    )


def extent_statements(view: View, words: Context) -> tuple[Statements, Statements]:
    """All that says how far each primary reaches: stated extents, and metastases with distant-metastasis events."""
    return view.once(("extent statements", words.vocabulary), lambda: _extent_statements(view, words))


def _extent_statements(view: View, words: Context) -> tuple[Statements, Statements]:
    found = tumours(view, words)
    table, events, groups = view.tables["conditions"], view.tables["disease_status"], found.rows
    column = table.coded["extent"]
    worse = (each for more in dz.WORSE.values() for each in more)
    values = tuple(dict.fromkeys((*(str(value) for value in column.values[1:]), dz.METASTATIC, *dz.WORSE, *worse)))
    codes = column.codes[groups.rows]
    member = np.flatnonzero(codes)
    stated = _said(groups, member, values, codes[member] - 1)
    metastatic = values.index(dz.METASTATIC)
    rows = np.flatnonzero(is_metastasis(view, words) & ~with_status(table, "absent"))
    suspected = with_status(table, "suspected")[rows]
    spread = _spread(view, words, metastatic, values, table, rows, "diagnosis_id", suspected)
    m = table.coded["m"]
    m1 = m.table(lambda value: value is not None and bool(dz.M1.match(folded(value))), np.bool_)
    member = np.flatnonzero(m1[m.codes[groups.rows]])
    spread = spread.and_(_said(groups, member, values, np.full(len(member), metastatic)))
    rows = np.flatnonzero(with_status(events, "distant metastasis"))
    told = _spread(view, words, metastatic, values, events, rows, "diagnosis", np.zeros(len(rows), np.bool_))
    return stated, spread.and_(told)


def _spread(
    view: View, words: Context, metastatic: int, values: tuple[str, ...], table: Table, rows: Longs, diagnosis: str,
    suspected: Bools,
) -> Statements:  # fmt: skip
    """Rows that tell of a metastasis, as statements of the extent of each primary that they may belong to."""
    starts = tumours(view, words).starts
    who = table.patient[rows]
    run, tumour = spread_out(starts[who], starts[who + 1] - starts[who])
    row = rows[run]
    of_it = belongs_to(view, words, tumour, table.coded[diagnosis].take(row))
    days = Spans(table.lo["date"][row], table.hi["date"][row])
    may = suspected[run] | (of_it == Truth.UNKNOWN)
    code = np.full(len(row), metastatic, np.int64)
    return Statements(values, tumour, code, days, may).take(of_it != Truth.NOT_MET)


def _lapses(view: View, words: Context, found: Tumours) -> Ints:
    """The first day on which an extent short of metastatic no longer holds; NO_DAY where nobody knows of any."""
    recorded = np.zeros(len(found), np.int32)
    np.maximum.at(recorded, found.rows.owner, found.rows.table.day["recorded"][found.rows.rows])
    through = data_through(view)[found.patient]
    reaches = np.where(through != NO_DAY, through, recorded)
    return np.where(reaches != NO_DAY, reaches + words.settings.currency + 1, NO_DAY).astype(np.int32)


def advanced_from(batch: Batch) -> tuple[Ints, Ints]:
    """The first day on which each item's cancer certainly is, and the first on which it may be, beyond resection.

    FUTURE where it is neither metastatic nor unresectable.
    """
    view, words = batch.view, batch.words
    certain, possible = view.once(("advanced from", words.vocabulary), lambda: _advanced_from(view, words))
    at = batch.focus
    none = np.int32(FUTURE)
    if not len(certain):
        return np.full(batch.n, none, np.int32), np.full(batch.n, none, np.int32)
    return np.where(at < 0, none, certain[at]), np.where(at < 0, none, possible[at])


def _advanced_from(view: View, words: Context) -> tuple[Ints, Ints]:
    stated, spread = extent_statements(view, words)
    said = stated.and_(spread)
    advanced = np.array([dz.extent_within(value, "advanced") for value in said.values], np.bool_)
    said = said.take(advanced[said.code])
    n = len(tumours(view, words))
    certain, possible = np.full(n, FUTURE, np.int32), np.full(n, FUTURE, np.int32)
    undated = said.days.lo == NO_DAY
    np.minimum.at(certain, said.owner[~said.may], np.where(undated, FUTURE, said.days.hi)[~said.may])
    np.minimum.at(possible, said.owner, np.where(undated, PAST, said.days.lo))
    return certain, possible
