"""Statuses of a patient and a trial: cohorts, answers, two cancers, the dead (SEMANTICS §4)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from matcher.engine import deceased
from tests.library_shelf import line, truth_of
from tests.made_documents import answering, made_trial, result_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient

MET, NOT_MET, UNKNOWN = "age >= 18", "age >= 99", "ecog <= 2"
NEVER, ACTION = "age <= 18", "anc >= 1.5 10*9/L"
ANC = [{"test": "anc", "value": "0.4", "unit": "10*9/L", "date": "2026-01-10"}]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ((MET,), "potentially_eligible"),
        ((MET, UNKNOWN), "needs_information"),
        ((MET, ACTION), "not_now"),
        ((UNKNOWN, ACTION), "not_now"),
        ((MET, NEVER), "not_eligible"),
        ((UNKNOWN, ACTION, NEVER), "not_eligible"),
        # What is settled at the visit and what is only a heading never count.
        ((MET, {"confirm": "consent"}), "potentially_eligible"),
        ((MET, {"note": "heading"}), "potentially_eligible"),
        # What nobody could put into a rule does.
        ((MET, {"not_structured": "no data could hold it"}), "needs_information"),
        # An exclusion fails where its rule is met.
        (({"polarity": "exclusion", "rule": NEVER},), "potentially_eligible"),
        (({"polarity": "exclusion", "rule": MET},), "not_eligible"),
        (({"polarity": "exclusion", "rule": UNKNOWN},), "needs_information"),
    ],
)
def test_the_worst_line_decides(criteria, expected):
    assert result_of(made_trial(*criteria), lms(observations=ANC)).status.value == expected


@pytest.mark.parametrize(
    ("criteria", "needs"),
    [
        ((UNKNOWN,), "facts"),
        (('ask "is it so?"',), "reader"),
        (({"not_structured": "why"},), "reader"),
        ((UNKNOWN, 'ask "is it so?"'), "both"),
        ((f'{UNKNOWN} and ask "is it so?"',), "both"),
        ((f'{UNKNOWN} or ask "is it so?"',), "both"),
        ((MET,), None),
    ],
)
def test_what_it_needs(criteria, needs):
    assert result_of(made_trial(*criteria), lms()).best.needs == needs


def test_what_to_read_is_the_question_or_the_line_itself():
    document = made_trial(
        'ask "is it so?"',
        {"not_structured": "nobody records it", "text": "Adequate bone marrow."},
        {"rule": "time since end of last treatment(radiotherapy) >= 4 weeks", "text": "Four weeks since radiotherapy."},
    )
    who = lms(coverage=[{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}])
    assert result_of(document, who).best.to_read == (
        ("C1", "is it so?"),
        ("C2", "Adequate bone marrow."),
        ("C3", "Four weeks since radiotherapy. (what the time is counted from never happened; "
               "the protocol does not say what then holds)"),
    )  # fmt: skip


def test_a_bone_primary_in_a_soft_tissue_trial_is_asked_of_the_sponsor():
    bone = [{"condition": "leiomyosarcoma", "kind": "primary", "body_site": "femur", "date": "2023-02-01"}]
    document = made_trial("has diagnosis(soft tissue sarcoma)", cancer="sarcoma")
    result = result_of(document, lms(conditions=bone))
    assert (result.status.value, result.best.needs, result.best.missing) == ("needs_information", "reader", ())
    assert [question for _, question in result.best.to_read] == [
        "leiomyosarcoma (femur): confirm with the sponsor that it counts as soft tissue sarcoma"
    ]


# --- cohorts -------------------------------------------------------------------------------------------------------

COHORTS = [{"id": "A", "open": True}, {"id": "B", "open": True}, {"id": "C", "open": False}]


def cohort_trial(cohorts, **head):
    return made_trial(
        MET,
        {"rule": NEVER, "cohorts": ["A"]},
        {"rule": UNKNOWN, "cohorts": ["B"]},
        {"rule": MET, "cohorts": ["C"]},
        cohorts=cohorts,
        **head,
    )


@pytest.mark.parametrize(
    ("open_ones", "best", "status", "offered"),
    [
        ("ABC", "C", "potentially_eligible", True),
        ("AB", "B", "needs_information", True),
        ("A", "A", "not_eligible", True),
        # With none open the status is over all of them, and nothing is offered.
        ("", "C", "potentially_eligible", False),
    ],
)
def test_the_best_open_cohort_counts(open_ones, best, status, offered):
    cohorts = [{"id": id, "open": id in open_ones} for id in "ABC"]
    result = result_of(cohort_trial(cohorts), lms())
    assert (result.best.id, result.status.value, result.offered) == (best, status, offered)
    assert [cohort.status.value for cohort in result.cohorts] == [
        "not_eligible", "needs_information", "potentially_eligible",
    ]  # fmt: skip


def test_of_two_alike_the_first_in_the_document_counts():
    document = made_trial(MET, cohorts=COHORTS)
    assert result_of(document, lms()).best.id == "A"


@pytest.mark.parametrize(
    ("head", "here", "offered"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"recruitment": "completed"}, True, False),
        ({"recruitment": "not given"}, True, False),
        ({"never_offer": True, "never_offer_reason": "closed"}, True, False),
    ],
)
def test_offered(head, here, offered):
    result = result_of(made_trial(MET, **head), lms(), open_here=here)
    assert (result.status.value, result.offered) == ("potentially_eligible", offered)


# --- answers -------------------------------------------------------------------------------------------------------

ROWS = {"birth_date": "1961-04-03", "sex": "female"}


@pytest.mark.parametrize(
    ("rule", "answer", "expected"),
    [
        (UNKNOWN, {"truth": "yes"}, "met"),
        (UNKNOWN, {"truth": "no"}, "not_met"),
        # Over a definite truth an answer counts only as an override.
        (MET, {"truth": "no"}, "met"),
        (MET, {"truth": "no", "override": "yes", "reason": "the chart says otherwise"}, "not_met"),
        (NEVER, {"truth": "yes", "override": "yes", "reason": "the chart says otherwise"}, "met"),
        # An answer to an `ask` answers the question, and the rule goes on from there.
        ('not ask "is it so?"', {"truth": "yes", "question": "is it so?"}, "not_met"),
        ('ask "is it so?"', {"truth": "yes", "question": "is it otherwise?"}, "unknown: needs judgement"),
        ('ask "is it so?"', {"truth": "yes", "criterion": "C2", "question": "is it so?"}, "unknown: needs judgement"),
        ('ask "is it so?"', {"truth": "yes", "on": "2026-01-16", "question": "is it so?"}, "unknown: needs judgement"),
    ],
)
def test_answers(rule, answer, expected):
    who = answering(ROWS, {"criterion": "C1", **answer})
    assert truth_of(result_of(made_trial(rule), who), "C1") == expected


def test_an_answer_says_that_the_line_is_met_whatever_its_polarity():
    document = made_trial({"polarity": "exclusion", "rule": UNKNOWN})
    assert truth_of(result_of(document, answering(ROWS, {"criterion": "C1", "truth": "yes"})), "C1") == "met"


def test_an_override_is_shown_with_what_it_overrides_and_why():
    who = answering(ROWS, {"criterion": "C1", "truth": "no", "override": "yes", "reason": "a letter of 3 May"})
    found = line(result_of(made_trial(MET), who), "C1")
    assert found.overridden is not None and found.overridden.word == "met"
    assert (found.evidence[0].value, found.evidence[0].source) == ("override: not met, says test", "a letter of 3 May")
    assert found.evidence[1].value == "age 64"


def test_an_answer_holds_while_it_is_valid_and_for_its_version():
    who = answering(ROWS, {"criterion": "C1", "truth": "yes"})
    until = replace(who, answers=(replace(who.answers[0], valid_until=date(2026, 2, 1)),))
    document = made_trial(UNKNOWN)
    assert truth_of(result_of(document, until, as_of=date(2026, 2, 1)), "C1") == "met"
    assert truth_of(result_of(document, until, as_of=date(2026, 2, 2)), "C1") == "unknown: not recorded"
    assert truth_of(result_of(document, until, version=2), "C1") == "unknown: not recorded"
    assert result_of(document, until).next_flip == date(2026, 2, 2)


def test_an_answered_question_holds_while_it_is_valid():
    who = answering(ROWS, {"criterion": "C1", "truth": "yes", "question": "is it so?"})
    until = replace(who, answers=(replace(who.answers[0], valid_until=date(2026, 2, 1)),))
    document = made_trial('ask "is it so?"')
    assert truth_of(result_of(document, until, as_of=date(2026, 2, 1)), "C1") == "met"
    assert truth_of(result_of(document, until, as_of=date(2026, 2, 2)), "C1") == "unknown: needs judgement"
    assert result_of(document, until).next_flip == date(2026, 2, 2)


def test_a_line_to_confirm_carries_its_answer_without_a_truth():
    who = answering(ROWS, {"criterion": "C1", "truth": "yes"})
    found = line(result_of(made_trial({"confirm": "consent"}), who), "C1")
    assert found.truth is None and found.answer is not None and not found.counted


# --- two cancers ---------------------------------------------------------------------------------------------------

TWO_OF_THIS = [
    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "metastatic",
     "date": "2023-02-01", "diagnosis_id": "A"},
    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "thigh", "extent": "localized",
     "date": "2025-12-20", "diagnosis_id": "B"},
]  # fmt: skip


def test_two_primaries_that_match_are_both_shown_and_the_better_counts():
    document = made_trial("has diagnosis(leiomyosarcoma, extent: metastatic)")
    result = result_of(document, lms(conditions=TWO_OF_THIS))
    assert (result.status.value, [other.status.value for other in result.others]) == (
        "potentially_eligible",
        ["not_now"],
    )
    assert result.cancer == result.others[0].cancer == "leiomyosarcoma"


def test_the_extent_of_this_cancer_is_not_read_from_another():
    conditions = [
        {**TWO_OF_THIS[0], "extent": "localized", "date": "2025-12-20"},
        {"condition": "breast cancer", "kind": "primary", "extent": "metastatic", "date": "2024-02-01", "diagnosis_id": "B"},
    ]  # fmt: skip
    who = lms(conditions=conditions)
    assert truth_of(result_of(made_trial("has diagnosis(malignancy, extent: metastatic)"), who), "C1") == "not_met"
    # A pattern that names the other cancer asks of that one.
    assert truth_of(result_of(made_trial("has diagnosis(breast cancer, extent: metastatic)"), who), "C1") == "met"


def test_a_patient_without_the_cancer_gets_one_answer_for_none():
    result = result_of(made_trial("has diagnosis(leiomyosarcoma)"), patient(conditions=[]))
    assert (result.cancer, result.others, result.status.value) == ("", (), "needs_information")


def test_a_remark_nobody_could_read_is_no_second_cancer():
    rows = [TWO_OF_THIS[0], {"condition": "a remark of some sort", "date": "2024-01-01"}]
    who = lms(
        conditions=rows,
        treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")],
        coverage=[DRUGS_COMPLETE],
    )
    result = result_of(made_trial("count line(systemic, setting: advanced) = 1"), who)
    assert (result.status.value, result.others) == ("potentially_eligible", ())
    # Alone it may be the cancer.
    result = result_of(made_trial("has diagnosis(leiomyosarcoma)"), patient(conditions=rows[1:]))
    assert (truth_of(result, "C1"), result.cancer) == ("unknown: imprecise", "a remark of some sort")


# --- the dead ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "days", "dead"),
    [
        ({"deceased": "yes", "death_date": "2026-01-15"}, 0, True),
        ({"deceased": "yes", "death_date": "2026-01-16"}, 0, False),
        ({"deceased": "yes", "death_date": "2026-01-16"}, 1, True),
        ({"death_date": "2026-01-02"}, 0, True),
        # Without a date: from the day the data reach.
        ({"deceased": "yes", "data_through": "2026-01-15"}, 0, True),
        ({"deceased": "yes", "data_through": "2026-01-16"}, 0, False),
        ({"deceased": "yes", "data_through": "2026-01-16"}, 1, True),
        ({"deceased": "yes"}, 0, True),
        ({"deceased": "no"}, 0, False),
        ({}, 0, False),
        # A month of death: from its last day, or once the death was known.
        ({"deceased": "yes", "death_date": "2026-01"}, 0, True),
        ({"deceased": "yes", "death_date": "2026-01", "data_through": "2026-01-20"}, 0, False),
        ({"deceased": "yes", "death_date": "2026-01", "data_through": "2026-01-20"}, 16, True),
    ],
)
def test_deceased(rows, days, dead):
    who = patient(today=date(2026, 3, 1), **rows)  # recorded later, asked as of a day before
    as_of = TODAY + timedelta(days=days)
    assert deceased(who, as_of) is dead
    result = result_of(made_trial(UNKNOWN), who, as_of=as_of)
    assert (result.deceased, result.status.value) == (dead, "not_eligible" if dead else "needs_information")


# --- alive and dead ------------------------------------------------------------------------------------------------

DENIED = {"deceased": "no", "death_date": "2026-01-12"}
VITAL = "vital status: alive or dead?"
ECOG = "ECOG performance status within 60 days"


@pytest.mark.parametrize(
    ("criteria", "status", "needs", "missing"),
    [
        ((MET,), "needs_information", "facts", [(VITAL, True)]),
        # Once it is known that the patient lives another fact is still to be found, and the reverse.
        ((MET, UNKNOWN), "needs_information", "facts", [(VITAL, False), (ECOG, False)]),
        (('ask "is it so?"',), "needs_information", "both", [(VITAL, True)]),
        (({"not_structured": "why"},), "needs_information", "both", [(VITAL, True)]),
        ((UNKNOWN, 'ask "is it so?"'), "needs_information", "both", [(VITAL, False), (ECOG, False)]),
        # What stands against the patient stands.
        ((MET, ACTION), "not_now", "facts", [(VITAL, True)]),
        ((UNKNOWN, ACTION), "not_now", "facts", [(VITAL, False), (ECOG, False)]),
        ((MET, NEVER), "not_eligible", None, []),
        ((UNKNOWN, ACTION, NEVER), "not_eligible", None, []),
    ],
)
def test_alive_and_dead(criteria, status, needs, missing):
    result = result_of(made_trial(*criteria), lms(observations=ANC, **DENIED))
    best = result.best
    assert (result.vital_conflict, result.deceased) == (True, False)
    assert (result.status.value, best.needs) == (status, needs)
    assert [(entry.text, entry.settles) for entry in best.missing] == missing
    if missing:
        first = best.missing[0]
        assert [(fact.kind, fact.attribute, fact.cost) for fact in first.facts] == [
            ("patient", "vital_status", "look_up")
        ]
        assert first.criteria == ()


def test_alive_and_dead_holds_for_every_cohort_and_every_cancer():
    document = made_trial(
        MET, {"rule": ACTION, "cohorts": ["A"]},
        cohorts=[{"id": "A", "title": "a", "open": True}, {"id": "B", "title": "b", "open": True}],
    )  # fmt: skip
    two = lms(observations=ANC, conditions=TWO_OF_THIS, **DENIED)
    result = result_of(document, two)
    assert len(result.others) == 1
    for each in (result, *result.others):
        assert {cohort.id: cohort.status.value for cohort in each.cohorts} == {"A": "not_now", "B": "needs_information"}
        assert all(cohort.missing[0].text == VITAL for cohort in each.cohorts)


def test_time_alone_clears_a_line_whoever_doubts_that_the_patient_lives():
    document = made_trial("time since last treatment(doxorubicin) >= 28 days")
    rows = {"treatments": [drug("doxorubicin", "2026-01-08", "2026-01-08")], "coverage": [DRUGS_COMPLETE]}
    sure, doubted = result_of(document, lms(**rows)), result_of(document, lms(**rows, **DENIED))
    assert sure.best.clears_on == doubted.best.clears_on == date(2026, 2, 5)


@pytest.mark.parametrize(
    ("cells", "days", "status"),
    [
        (DENIED, -4, "potentially_eligible"),
        (DENIED, -3, "needs_information"),
        ({"deceased": "no", "death_date": "2026-01"}, -15, "potentially_eligible"),
        ({"deceased": "no", "death_date": "2026-01"}, -14, "needs_information"),
        # Mended, either way.
        ({"deceased": "no"}, 0, "potentially_eligible"),
        ({"deceased": "yes", "death_date": "2026-01-12"}, 0, "not_eligible"),
    ],
)
def test_a_denied_death_that_lies_ahead_plays_no_part(cells, days, status):
    result = result_of(made_trial(MET), lms(**cells), as_of=TODAY + timedelta(days=days))
    assert (result.status.value, result.vital_conflict) == (status, status == "needs_information")
    if days < -3 and status == "potentially_eligible":
        turns = date(2026, 1, 12) if cells is DENIED else date(2026, 1, 1)
        assert result.next_flip is not None and result.next_flip <= turns


def test_truths_and_changes_read_as_words():
    found = line(result_of(made_trial(NEVER), lms()), "C1")
    assert (str(found.truth), str(found.change), str(found.reason)) == ("not_met", "never", "None")
