"""LMS03 answers: not by always saying unknown, and never by guessing. The protocol is closed, so nothing is offered.

One patient has every fact the three criteria ask for; each test takes one away, or changes it, and says what follows.
"""

from datetime import timedelta

import pytest

from matcher.engine.wire import trial_json
from tests.library_shelf import line, screened, truth_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms

LMS = {
    "condition": "leiomyosarcoma",
    "kind": "primary",
    "body_site": "uterus",
    "extent": "metastatic",
    "date": "2023-02-01",
}
DOXORUBICIN = drug(
    "doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", line="1", response="progressive disease"
)  # fmt: skip


def ecog(value="1", date="2026-01-05"):
    return [{"test": "ecog", "value": value, "date": date}]


def fits(**rows):
    """Everything LMS03 asks for; rows replace that."""
    base = {
        "conditions": [LMS], "treatments": [DOXORUBICIN], "observations": ecog(), "coverage": [DRUGS_COMPLETE],
    }  # fmt: skip
    return lms(**{**base, **rows})


def without(row, *names, **cells):
    return {name: value for name, value in row.items() if name not in names} | cells


def told(result):
    """Everything the page says is missing or to be read."""
    return " | ".join([entry.text for entry in result.best.missing] + [question for _, question in result.best.to_read])


@pytest.mark.parametrize("value", ["0", "1", "2"])
@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param([LMS], id="of the uterus"),
        pytest.param([without(LMS, "body_site", body_site="retroperitoneum")], id="of the retroperitoneum"),
        pytest.param([without(LMS, "body_site")], id="of a site nobody wrote"),
        pytest.param([without(LMS, "extent", extent="oligometastatic")], id="oligometastatic"),
        pytest.param(
            [without(LMS, "extent"), {"condition": "lung metastasis", "kind": "metastasis", "date": "2023-12-01"}],
            id="metastatic by a metastasis",
        ),
    ],
)
def test_potentially_eligible_and_not_offered(value, conditions):
    result = screened("LMS03", fits(observations=ecog(value), conditions=conditions))
    assert (result.status.value, result.offered, result.best.needs) == ("potentially_eligible", False, None)
    assert result.best.missing == () and result.best.to_read == ()


@pytest.mark.parametrize(
    "treatments",
    [
        pytest.param([without(DOXORUBICIN, "response", stop_reason="progression")], id="stopped for progression"),
        pytest.param([without(DOXORUBICIN, "line")], id="no line number"),
        pytest.param([without(DOXORUBICIN, "setting", "line")], id="no setting, begun when metastatic"),
        pytest.param([without(DOXORUBICIN, "setting", "line", intent="palliative")], id="palliative intent"),
        pytest.param([without(DOXORUBICIN, "treatment", treatment="Adriamycin")], id="a brand"),
        pytest.param([DOXORUBICIN, drug("ifosfamide", "2024-01-11", "2024-05-20", setting="advanced", line="1")],
                     id="with ifosfamide in the same line"),
        pytest.param([DOXORUBICIN, drug("docetaxel", "2022-01-10", "2022-04-20", setting="adjuvant")],
                     id="after adjuvant therapy with another drug"),
        pytest.param([DOXORUBICIN, drug("pazopanib", "2026-02-01", None, setting="advanced", status="planned")],
                     id="with a second line only planned"),
        pytest.param([DOXORUBICIN, {"treatment": "radiotherapy", "kind": "radiotherapy", "start_date": "2025-02-01"}],
                     id="with radiotherapy after it"),
    ],
)  # fmt: skip
def test_the_one_line_of_doxorubicin_may_be_told_in_many_ways(treatments):
    assert screened("LMS03", fits(treatments=treatments)).status.value == "potentially_eligible"


def test_progression_may_be_told_by_the_course_of_the_disease():
    events = [{"status": "progression", "date": "2024-04-01"}]
    who = fits(treatments=[without(DOXORUBICIN, "response")], disease_status=events)
    assert screened("LMS03", who).status.value == "potentially_eligible"


REMOVED = {
    "the treatment list is not known to be complete": ({"coverage": []}, "LMS03-E3", "drug treatments complete to"),
    "nobody wrote an ECOG": ({"observations": []}, "LMS03-E1", "ECOG performance status"),
    "the extent": ({"conditions": [without(LMS, "extent", "date")]}, "LMS03-E2", "extent of leiomyosarcoma"),
    "the progression": ({"treatments": [without(DOXORUBICIN, "response")]}, "LMS03-E3", "did the disease progress"),
    "the setting and every date that tells it": (
        {"treatments": [without(DOXORUBICIN, "setting", "start_date", "end_date")]}, "LMS03-E3", "setting of doxorubicin"),
    "the name of the drug": (
        {"treatments": [without(DOXORUBICIN, "treatment", treatment="xq-17-unheard")]}, "LMS03-E3", "what xq-17-unheard is"),
    "the histology": (
        {"conditions": [without(LMS, "condition", condition="tumour of the uterus nobody coded")]}, "LMS03-E2",
        "histology and site"),
    "the diagnosis as a whole": ({"conditions": []}, "LMS03-E2", "leiomyosarcoma: present or not?"),
    "whether the disease is more than suspected": (
        {"conditions": [{**LMS, "status": "suspected"}]}, "LMS03-E2", "confirmed or ruled out"),
}  # fmt: skip


@pytest.mark.parametrize("fact", REMOVED)
def test_without_one_fact_it_needs_information_and_names_it(fact):
    rows, criterion, text = REMOVED[fact]
    result = screened("LMS03", fits(**rows))
    assert (result.status.value, result.best.needs) == ("needs_information", "facts")
    assert truth_of(result, criterion).startswith("unknown")
    named = [entry for entry in result.best.missing if criterion in entry.criteria]
    assert any(text in entry.text for entry in named), told(result)


CHANGED = {
    "ECOG 3 can be repeated": ({"observations": ecog("3")}, "not_now", {"LMS03-E1": "not_met"}),
    "a second line cannot be undone": (
        {"treatments": [DOXORUBICIN, drug("pazopanib", "2024-08-01", "2025-01-10", setting="advanced", line="2")]},
        "not_eligible", {"LMS03-E3": "not_met"}),
    "a liposarcoma is none": (
        {"conditions": [without(LMS, "condition", "body_site", condition="dedifferentiated liposarcoma")]},
        "not_eligible", {"LMS03-E2": "not_met"}),
    "localised disease may still progress": (
        {"conditions": [without(LMS, "extent", extent="localized")]}, "not_now", {"LMS03-E2": "not_met"}),
    "no chemotherapy yet": ({"treatments": []}, "not_now", {"LMS03-E3": "not_met"}),
    "liposomal doxorubicin is another drug, and a line": (
        {"treatments": [without(DOXORUBICIN, "treatment", treatment="Caelyx")]}, "not_now", {"LMS03-E3": "not_met"}),
    "doxorubicin going on without progression": (
        {"treatments": [drug("doxorubicin", "2025-12-10", None, setting="advanced", ongoing="yes")]},
        "not_now", {"LMS03-E3": "not_met"}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_fact_gives_the_right_other_status(change):
    rows, status, truths = CHANGED[change]
    result = screened("LMS03", fits(**rows))
    assert result.status.value == status
    assert {name: truth_of(result, name) for name in truths} == truths


ASKED = {
    "perioperative doxorubicin only": (
        {"treatments": [drug("doxorubicin", "2022-01-10", "2022-05-20", setting="adjuvant")],
         "disease_status": [{"status": "distant metastasis", "date": "2023-02-01"}]},
        "LMS03-E3", "does failure after perioperative doxorubicin count?"),
    "locally advanced": (
        {"conditions": [without(LMS, "extent", "date", extent="locally advanced", date="2025-12-20")]},
        "LMS03-E2", "does the trial take locally advanced disease?"),
    "unresectable": (
        {"conditions": [without(LMS, "extent", "date", extent="unresectable", date="2025-12-20")],
         "treatments": [{**DOXORUBICIN, "start_date": "2025-12-21", "end_date": "2026-01-05"}]},
        "LMS03-E2", "does the trial take locally advanced disease?"),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKED)
def test_what_only_the_protocol_can_say_is_asked(what):
    rows, criterion, question = ASKED[what]
    result = screened("LMS03", fits(**rows))
    assert result.status.value == "needs_information"
    assert (criterion, question) in result.best.to_read


def test_locally_advanced_disease_needs_a_reader_and_no_fact():
    result = screened("LMS03", fits(**ASKED["locally advanced"][0]))
    assert (result.best.needs, result.best.missing) == ("reader", ())


def test_an_old_ecog_says_what_it_would_say_if_repeated():
    for value, says in (("1", "would pass if repeated"), ("3", "would fail if repeated")):
        result = screened("LMS03", fits(observations=ecog(value, "2025-08-02")))
        found = line(result, "LMS03-E1")
        assert (result.status.value, str(found.reason)) == ("needs_information", "stale")
        assert found.finding is not None and found.finding.note == f"166 days old: {says}"
        assert [entry.text for entry in result.best.missing] == ["ECOG performance status within 60 days"]
        assert result.best.missing[0].settles


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({"deceased": "yes", "death_date": "2026-01-02"}, id="with a date"),
        pytest.param({"deceased": "yes"}, id="without one"),
    ],
)
def test_the_dead_are_not_eligible(rows):
    result = screened("LMS03", fits(**rows))
    assert (result.deceased, result.status.value) == (True, "not_eligible")


def test_a_death_that_lies_ahead_is_not_known():
    who = fits(deceased="yes", death_date="2026-01-20")
    assert screened("LMS03", who).status.value == "potentially_eligible"
    assert screened("LMS03", who, as_of=TODAY + timedelta(days=5)).deceased


def test_the_day_on_which_the_ecog_goes_stale_is_the_next_to_look_again():
    who = fits(observations=ecog(date="2025-12-01"))
    result = screened("LMS03", who)
    assert result.next_flip is not None
    assert result.next_flip.isoformat() == "2026-01-31"  # day 60 is the 30th, and it is included
    assert screened("LMS03", who, as_of=result.next_flip - timedelta(days=1)).status.value == "potentially_eligible"
    assert screened("LMS03", who, as_of=result.next_flip).status.value == "needs_information"


def test_what_the_wire_says():
    found = trial_json(screened("LMS03", fits(observations=[])))
    assert (found["id"], found["status"], found["offered"], found["needs"]) == (
        "LMS03",
        "needs_information",
        False,
        "facts",
    )
    assert [(m["kind"], m["concepts"], m["criteria"]) for m in found["missing"]] == [
        ("observation", ["ecog"], ["LMS03-E1"])
    ]
    assert [(c["id"], c["truth"]) for c in found["criteria"]] == [
        ("LMS03-E1", "unknown"), ("LMS03-E2", "met"), ("LMS03-E3", "met"), ("LMS03-N1", None),
    ]  # fmt: skip
