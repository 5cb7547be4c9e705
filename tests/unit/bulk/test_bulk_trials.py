"""Trials by the thousand: statuses, funnels, dates and what is lacking, the same as for one patient at a time."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from matcher.engine import Change, Reason, Truth, evaluate_trial
from matcher.engine.bulk import STATUSES, Asked, Columns, Program, Shelf, assess
from matcher.engine.bulk.batch import days
from matcher.engine.bulk.clearing import clears_on, cohort_clears_on
from matcher.engine.bulk.findings import code_of
from matcher.engine.bulk.funnel import Step, funnel, statuses
from matcher.engine.bulk.missing import lacking
from matcher.engine.bulk.planes import Planes, count, pack, union, unpack
from matcher.engine.bulk.turning import next_flips, turns
from matcher.engine.reference.context import Settings
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.documents.assess import _turns
from matcher.engine.reference.evaluate import make_context
from patients.facts import DiseaseStatus, PartialDate, Treatment
from tests.library_shelf import trial as library_trial
from tests.made_documents import answering as read_answers
from tests.made_documents import made_trial
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient

MET, NOT_MET, UNKNOWN = "age >= 18", "age >= 99", "ecog <= 2"
NEVER, ACTION = "age <= 18", "anc >= 1.5 10*9/L"
LOW = [{"test": "anc", "value": "0.4", "unit": "10*9/L", "date": "2026-01-10"}]
FIT = [{"test": "ecog", "value": "1", "date": "2026-01-10"}]


def answering(rows, *answers, **how):
    """A patient with answers, each perhaps valid to a day only (rows have no column for that)."""
    who = read_answers(rows, *({k: v for k, v in each.items() if k != "valid_until"} for each in answers), **how)
    until = [date.fromisoformat(each["valid_until"]) if "valid_until" in each else None for each in answers]
    given = zip(who.answers, until, strict=True)
    return replace(who, answers=tuple(replace(answer, valid_until=day) for answer, day in given))


def shelf_of(patients, as_of=TODAY):
    return Shelf(Columns.of(patients), days(as_of, len(patients)))


def agree(document, patients, *, as_of=TODAY, version=1, open_here=True, entries=True):
    """Compare everything that is said of patients against one trial; what the reference engine says of each.

    Without `entries` what is missing is compared by who lacks it and whether a fact or a reader, not word for word.
    """
    each_day = [as_of] * len(patients) if isinstance(as_of, date) else as_of
    results = [
        evaluate_trial(document, who, as_of=day, version=version, open_here=open_here, each_clears=False)
        for who, day in zip(patients, each_day, strict=True)
    ]
    shelf = shelf_of(patients, as_of)
    document = Program.of([Asked(document, version, open_here)]).trials[0][0]
    answers = shelf.trial(document, version, open_here=open_here)
    assert [STATUSES[rank] for rank in answers.ranks] == [each.status for each in results]
    for number, criterion in enumerate(document.criteria):
        findings = [part.findings(criterion) for part in answers.parts]
        expected = [each.criteria[number] for each in results]
        if findings[0] is None:
            assert all(each.truth is None for each in expected)
            assert all(part.criteria[number] is None for part in answers.parts)
            continue
        codes = answers.of_patients([each.code for each in findings])
        assert codes.tolist() == [code_of(each.finding) for each in expected], criterion.id
        for part, found in zip(answers.parts, findings, strict=True):
            assert part.criteria[number].codes().tolist() == found.code.tolist()
    _cohorts_agree(answers, results)
    _funnels_agree(document, answers, results)
    _lacks_agree(answers, results, entries=entries)
    flips = next_flips(answers)
    for flip, result in zip(flips, results, strict=True):
        expected = [each.next_flip for each in (result, *result.others) if each.next_flip is not None]
        assert flip <= min((day.toordinal() for day in expected), default=FUTURE)
    assert [each.status for each in assess([(document, version, open_here)], patients, as_of=as_of)[0]] == [
        each.status for each in results
    ]
    return results


def _cohorts_agree(answers, results):
    which = answers.of_patients([part.best[1] for part in answers.parts])
    cleared = dict(zip(*(each.tolist() for each in clears_on(answers)), strict=True))
    for number, cohort in enumerate(answers.parts[0].cohorts):
        day = cohort_clears_on(answers, number)
        for index, result in enumerate(results):
            expected = result.cohorts[number].clears_on
            assert day[index] == (FUTURE if expected is None else expected.toordinal())
            assert cohort.open == result.cohorts[number].open
            _why_agrees(answers, number, index, result)
    for index, result in enumerate(results):
        assert answers.parts[0].cohorts[which[index]].id == result.best.id
        expected = result.best.clears_on
        assert cleared.get(index) == (None if expected is None else expected.toordinal())
        assert answers.offered == result.offered


def _why_agrees(answers, number, index, result):
    """The reasons of what is open, and the change of what stands against a patient, for one cohort."""
    for part, counting in zip(answers.parts, answers.counting, strict=True):
        item = next((i for i in counting if part.batch.patient[i] == index), None)
        if item is None:
            continue
        cohort = part.cohorts[number]
        mine = [
            each for each in result.criteria
            if each.counted and (not each.criterion.cohorts or cohort.id in each.criterion.cohorts)
        ]  # fmt: skip
        held = [plane is not None and bool(unpack(plane, part.batch.n)[item]) for plane in cohort.reasons]
        wants = result.cohorts[number].status.value == "needs_information"
        assert held == [wants and any(each.reason is reason for each in mine) for reason in Reason]
        against = [each.change for each in mine if each.truth is Truth.NOT_MET]
        waits = result.cohorts[number].status.value == "not_now"
        hardest = max(against, key=lambda change: change.hardness) if waits else None
        held = [plane is not None and bool(unpack(plane, part.batch.n)[item]) for plane in cohort.changes]
        assert held == [hardest is change for change in (Change.TIME, Change.ACTION, Change.COURSE)]


def _funnels_agree(document, answers, results):
    """The numbers that a run adds up of patients who live, one at a time."""
    numbers = {}
    for result in results:
        if result.deceased:
            continue
        left = {cohort.id for cohort in document.cohorts} or {""}
        for each in result.criteria:
            if each.counted:
                counted = numbers.setdefault(each.criterion.id, [0, 0, 0])
                counted[2] += each.truth is Truth.UNKNOWN
                if each.truth is Truth.NOT_MET:
                    counted[0] += 1
                    before = bool(left)
                    left -= set(each.criterion.cohorts) or left
                    counted[1] += before and not left
    found = [step for step in funnel(answers) if step.criterion in numbers]
    assert found == [Step(name, *counted) for name, counted in numbers.items()]
    living = [result.status.value for result in results if not result.deceased]
    expected = {status.value: living.count(status.value) for status in STATUSES}
    assert statuses(answers) == {**expected, "deceased": len(results) - len(living)}


def _lacks_agree(answers, results, *, entries):
    found = lacking(answers)
    assert found.patient.tolist() == [i for i, each in enumerate(results) if each.status.value != "not_eligible"]
    for index, pattern in zip(found.patient, found.pattern, strict=True):
        wanted, expected = found.wanted[pattern], results[index].best
        assert wanted.needs == expected.needs
        assert bool(wanted.missing) >= bool(expected.missing) and bool(wanted.to_read) == bool(expected.to_read)
        if entries:
            assert wanted.missing == expected.missing and wanted.to_read == expected.to_read
            assert [each.text for each in wanted.missing] == [each.text for each in expected.missing]


PEOPLE = [
    lms(),
    lms(observations=LOW),
    lms(observations=FIT),
    lms(birth_date="2015-05-05"),
    lms(birth_date="2008-02-20"),
    lms(deceased="yes", death_date="2025-12-01"),
    lms(deceased="no", death_date="2025-12-01"),
    patient(),
]

TRIALS = {
    "one line": (MET,),
    "lines of every sort": (
        MET,
        UNKNOWN,
        ACTION,
        {"note": "heading"},
        {"confirm": "consent"},
        {"not_structured": "why"},
    ),
    "exclusions": ({"polarity": "exclusion", "rule": ACTION}, {"polarity": "exclusion", "rule": "age < 18"}),
    "never": (NEVER, UNKNOWN),
    "nothing that counts": ({"note": "heading"},),
    "by time and by a decision": ("age >= 18", "anc >= 1.5 10*9/L or has biomarker(NTRK1, alteration: fusion)"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_without_cohorts(name):
    agree(made_trial(*TRIALS[name]), PEOPLE)


def test_everyone_on_a_day_of_their_own():
    own = [TODAY + timedelta(days=30 * number) for number in range(len(PEOPLE))]
    found = agree(made_trial("age >= 18", UNKNOWN), PEOPLE, as_of=own)
    assert {each.status.value for each in found} > {"not_eligible", "needs_information"}


COHORTS = [{"id": "A"}, {"id": "B"}]


def in_cohort(rule, *cohorts):
    return {"rule": rule, "cohorts": list(cohorts)}


@pytest.mark.parametrize("open_", [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize(
    "criteria",
    [
        (in_cohort(NEVER, "A"), in_cohort(MET, "B")),
        (in_cohort(ACTION, "A"), in_cohort(UNKNOWN, "B"), MET),
        (in_cohort(UNKNOWN, "A"), in_cohort("age >= 18", "B"), in_cohort(NEVER, "A", "B")),
        ("age >= 18", in_cohort(UNKNOWN, "A"), in_cohort(ACTION, "B")),
    ],
)
def test_of_several_cohorts_the_best_that_takes_patients(open_, criteria):
    cohorts = [{**cohort, "open": each} for cohort, each in zip(COHORTS, open_, strict=True)]
    agree(made_trial(*criteria, cohorts=cohorts), PEOPLE)


@pytest.mark.parametrize("head", [{}, {"recruitment": "completed"}, {"never_offer": True}])
@pytest.mark.parametrize("open_here", [True, False])
def test_which_trials_are_offered(head, open_here):
    found = agree(made_trial(MET, **head), PEOPLE[:1], open_here=open_here)
    assert found[0].offered == (not head and open_here)


UTERUS = {
    "condition": "leiomyosarcoma",
    "kind": "primary",
    "body_site": "uterus",
    "date": "2023-02-01",
    "diagnosis_id": "D1",
}
LEG = {**UTERUS, "body_site": "thigh", "date": "2021-02-01", "diagnosis_id": "D2", "extent": "metastatic"}
BREAST = {**UTERUS, "condition": "breast carcinoma", "body_site": "breast", "diagnosis_id": "D3"}
TWICE = [
    lms(conditions=[UTERUS, LEG]), lms(conditions=[LEG, UTERUS]), lms(conditions=[UTERUS]), lms(conditions=[BREAST]), lms(),
    lms(conditions=[UTERUS, LEG], observations=LOW), lms(conditions=[UTERUS, LEG], deceased="yes", death_date="2025-12-01"),
    lms(conditions=[{**UTERUS, "extent": "localized"}, LEG, BREAST], birth_date="2008-02-20"), patient(),
]  # fmt: skip


@pytest.mark.parametrize(
    "criteria",
    [
        ("has diagnosis(this cancer, extent: metastatic)",),
        ("has diagnosis(this cancer, extent: localized)", MET),
        ("age >= 18", ACTION),
        ("age >= 18", "has diagnosis(this cancer, site: uterus)"),
        ("no treatment(chemotherapy) within 28 days", "count line(systemic) <= 1"),
    ],
)
def test_of_several_cancers_the_better_counts(criteria):
    agree(made_trial(*criteria), TWICE, entries=False)


def said(truth, **more):
    return {"criterion": "C1", "truth": truth, **more}


ANSWERED = {
    "yes": [said("yes")],
    "no": [said("no")],
    "an override": [said("no", override="yes")],
    "an override of a truth by yes": [said("yes", override="yes")],
    "no longer valid": [said("no", valid_until="2026-01-01")],
    "valid to the day": [said("no", valid_until="2026-01-15")],
    "the latest counts": [said("no", on="2025-12-01"), said("yes", on="2026-01-02")],
    "of another line": [{"criterion": "C2", "truth": "no"}],
    "not given yet": [said("no", on="2026-02-01")],
}


@pytest.mark.parametrize("case", ANSWERED)
@pytest.mark.parametrize("line", [UNKNOWN, {"not_structured": "why"}, MET, "age >= 18", {"note": "heading"}])
def test_what_people_said_of_a_line(case, line):
    cells = {"birth_date": "2008-02-20", "data_through": "2026-01-10"}
    agree(made_trial(line, UNKNOWN), [answering(cells, *ANSWERED[case]), patient(**cells), lms()])


def test_an_answer_to_another_version_or_trial_says_nothing():
    asked = made_trial(UNKNOWN)
    others = [answering({}, said("no"), version=2), answering({}, said("no"), document="U")]
    assert {each.status.value for each in agree(asked, others)} == {"needs_information"}


QUESTION = 'ask "is it so?"'


def reply(truth, **more):
    return {"criterion": "C1", "question": "is it so?", "truth": truth, **more}


@pytest.mark.parametrize(
    "replies",
    [
        [reply("yes")],
        [reply("no")],
        [reply("yes", valid_until="2026-03-01")],
        [reply("yes", valid_until="2025-12-31")],
        [reply("no", on="2026-01-01"), reply("yes", on="2026-01-03")],
        [{"criterion": "C2", "question": "is it so?", "truth": "yes"}],
        [{"criterion": "C1", "question": "is it different?", "truth": "yes"}],
    ],
)
def test_replies_to_a_question(replies):
    document = made_trial(f"{MET} and {QUESTION}", QUESTION, {"polarity": "exclusion", "rule": f"not {QUESTION}"})
    agree(document, [answering({"birth_date": "1961-04-03"}, *replies), lms()])


RULES = {
    "named": "fit",
    "not": f"not {QUESTION}",
    "or": f"{NOT_MET} or {QUESTION}",
    "quota": f"at least 2 of ({MET}; {QUESTION}; {UNKNOWN})",
    "except": f"{MET} except when {QUESTION}",
    "except what is asked": f"{QUESTION} except when {UNKNOWN}",
    "if": f"if {QUESTION} then {UNKNOWN}",
    "if, else": f"if {UNKNOWN} then {NOT_MET} else {QUESTION}",
    "an outcome that asks": "has treatment(doxorubicin, outcome: failure)",
}


@pytest.mark.parametrize("name", RULES)
def test_questions_anywhere_in_a_rule(name):
    definitions = [f"define fit as {UNKNOWN} and {QUESTION}", f"define failure of pazopanib as {QUESTION}"]
    document = made_trial(RULES[name], definitions=definitions)
    answered = answering({"birth_date": "1961-04-03"}, reply("yes"))
    agree(document, [answered, lms(), lms(observations=FIT)])


# --- waiting -------------------------------------------------------------------------------------------------------


WASHED_OUT = "no treatment(chemotherapy) within 28 days"
WAITING = [
    lms(treatments=[drug("doxorubicin", "2026-01-02", "2026-01-02")], coverage=[DRUGS_COMPLETE]),
    lms(treatments=[drug("doxorubicin", "2026-01", "2026-01")], coverage=[DRUGS_COMPLETE]),
    lms(birth_date="2008-02-20", treatments=[drug("doxorubicin", "2026-01-09", "2026-01-09")], coverage=[DRUGS_COMPLETE]),
    lms(birth_date="2008-02-20"),
    lms(birth_date="1961-01-30", treatments=[drug("doxorubicin", "2026-01-09", "2026-01-09")], coverage=[DRUGS_COMPLETE]),
    lms(treatments=[drug("doxorubicin", "2025-01-02", ongoing="yes")], coverage=[DRUGS_COMPLETE]),
    lms(birth_date="1961-02-05", treatments=[drug("doxorubicin", "2026-01-09", "2026-01-09")],
        observations=[{"test": "ecog", "value": "1", "date": "2026-01-10"}], coverage=[DRUGS_COMPLETE]),
]  # fmt: skip


@pytest.mark.parametrize(
    "criteria",
    [
        (WASHED_OUT,),
        (WASHED_OUT, "age >= 18"),
        (WASHED_OUT, "age < 65"),
        (WASHED_OUT, "ecog <= 2 within 14 days"),
        ({"polarity": "exclusion", "rule": "has treatment(chemotherapy) within 28 days"},),
        ({"polarity": "exclusion", "rule": "has treatment(chemotherapy) within 28 days or age < 18"},),
        ({"polarity": "exclusion", "rule": f"not ({WASHED_OUT} and age >= 18)"},),
        ("age >= 18 except when has treatment(doxorubicin) within 4 weeks",),
        ({"polarity": "exclusion", "rule": "has treatment(doxorubicin) within 4 weeks except when age >= 65"},),
        (f"at least 2 of ({WASHED_OUT}; age >= 18)",),
        (f"if age >= 18 then {WASHED_OUT} else age >= 17",),
        ("age >= 18 or age >= 99",),
        ("washed_out",),
        (WASHED_OUT, ACTION),
        (WASHED_OUT, {"not_structured": "why"}, {"note": "heading"}),
    ],
)
def test_the_day_on_which_waiting_clears(criteria):
    document = made_trial(*criteria, definitions=[f"define washed_out as {WASHED_OUT}"])
    agree(document, WAITING, entries=False)


def test_some_clear_by_waiting_and_never_while_an_answer_stands_against_it():
    document = made_trial(WASHED_OUT, "age >= 18")
    treatments = {"treatments": [drug("doxorubicin", "2026-01-02", "2026-01-02")], "coverage": [DRUGS_COMPLETE]}
    cells = {"birth_date": "2008-01-20", "data_through": "2026-01-10", **treatments}
    no = {"criterion": "C2", "truth": "no"}
    people = [
        answering(cells), answering(cells, no), answering(cells, {**no, "override": "yes"}),
        answering(cells, {**no, "truth": "yes"}), answering(cells, {"criterion": "C1", "truth": "yes", "override": "yes"}),
    ]  # fmt: skip
    found = agree(document, people)
    assert [each.best.clears_on for each in found] == [date(2026, 1, 31)] * 2 + [
        None,
        date(2026, 1, 31),
        date(2026, 1, 20),
    ]


def test_each_cohort_clears_on_its_own_day():
    cohorts = [{**cohort, "open": True} for cohort in COHORTS]
    document = made_trial(in_cohort(WASHED_OUT, "A"), in_cohort("age >= 18", "B"), cohorts=cohorts)
    found = agree(document, WAITING, entries=False)
    assert any(a.clears_on != b.clears_on for a, b in (each.cohorts for each in found))


# --- the next day --------------------------------------------------------------------------------------------------


TURNING = [
    lms(treatments=[drug("doxorubicin", "2025-12-01", ongoing="yes")]),
    patient(treatments=[drug("doxorubicin", "2025-12-01", ongoing="yes"), drug("pazopanib", ongoing="yes")]),
    lms(conditions=[{"condition": "infection", "kind": "comorbidity", "date": "2026", "end_date": "2026-04"}]),
    lms(conditions=[{"condition": "hypertension", "kind": "comorbidity", "date": "2025-03-01"}]),
    lms(
        data_through="2026-03-01", medications=[{"medication": "aspirin", "start_date": "2025-11-11", "ongoing": "yes"}]
    ),
    lms(death_date="2026-02"),
    lms(data_through=None, observations=[{"test": "ecog", "value": "1", "date": TODAY.isoformat()}]),
    lms(data_through=None, observations=[{"test": "ecog", "value": "1", "date": "2026-02-24"}]),
    answering({}, said("yes", valid_until="2026-02-03")),
    answering({}, said("yes", on="2026-05-03")),
    lms(observations=[{"test": "ecog", "value": "1", "date": "2026-06-01"}]),
    lms(treatments=[drug("doxorubicin", "2026-02-01", status="planned")]),
    patient(),
]


@pytest.mark.parametrize("day", [TODAY, TODAY - timedelta(days=60), TODAY + timedelta(days=40)])
def test_the_next_day_on_which_a_record_turns(day):
    unrecorded = replace(
        patient(), treatments=(Treatment(id="t", ongoing=True, start=PartialDate.parse("2025-12-30")),)
    )
    never_told = replace(patient(), treatments=(Treatment(id="t", ongoing=True),))
    nameless = replace(patient(), disease_status=(DiseaseStatus(id="s", date=PartialDate.parse("2026-02")),))
    people = [*TURNING, unrecorded, never_told, nameless]
    found = turns(shelf_of(people, day).view, Settings())
    expected = [min(_turns(who, make_context(who, as_of=day)), default=FUTURE) for who in people]
    assert found.tolist() == expected
    agree(made_trial(WASHED_OUT, UNKNOWN), people, as_of=day, entries=False)


def test_a_trial_whose_answers_never_turn():
    shelf = shelf_of([patient(), patient()])
    document = Program.of([Asked(made_trial('ask "is it so?"'), 1)]).trials[0][0]
    assert next_flips(shelf.trial(document, 1)).tolist() == [FUTURE, FUTURE]


# --- nobody, and planes --------------------------------------------------------------------------------------------


def test_nobody_at_all():
    agree(made_trial(MET, WASHED_OUT, cohorts=[{**cohort, "open": True} for cohort in COHORTS]), [])
    assert shelf_of([]).latest == date.min


def test_planes_are_the_codes_they_were_made_of():
    codes = np.array([0, 3, 4, 9, 10, 13, 13] * 20, np.uint8)
    planes = Planes.of(codes)
    assert planes.codes().tolist() == codes.tolist()
    items = np.array([0, 4, 5, 70, 139])
    assert planes.at(items).tolist() == codes[items].tolist()
    assert planes.negated().codes().tolist() == [13 - c if c < 4 or c > 9 else c for c in codes.tolist()]
    assert (count(planes.met), count(planes.unknown), count(planes.not_met), count(None)) == (60, 40, 40, 0)
    full = pack(np.ones(128, np.bool_))
    assert count(full) == 128 and union([None, full]) is full and union([None]) is None
    assert Planes.of(np.zeros(0, np.uint8)).unknown is None


def test_a_library_trial_and_what_is_lacked_of_it():
    for name in ("LMS03", "NCT03742895", "NCT02601209"):
        agree(library_trial(name), [*PEOPLE, *WAITING, *TWICE], entries=False)


@pytest.mark.parametrize("ask", [clears_on, next_flips])
def test_a_shelf_without_days_of_turning_refuses_to_name_one(ask):
    columns = Columns.of([lms()])
    shelf = Shelf(columns, days(TODAY, columns.patients), flips=False)
    (document, version, open_here), *_ = Program.of([Asked(library_trial("LMS03"))]).trials
    answers = shelf.trial(document, version, open_here=open_here)
    with pytest.raises(ValueError, match="flips=True"):
        ask(answers)


def test_a_shelf_without_days_of_turning_refuses_those_of_a_cohort():
    columns = Columns.of([lms()])
    (document, version, open_here), *_ = Program.of([Asked(library_trial("LMS03"))]).trials
    answers = Shelf(columns, days(TODAY, 1), flips=False).trial(document, version, open_here=open_here)
    with pytest.raises(ValueError, match="flips=True"):
        cohort_clears_on(answers, 0)
