"""The options of a shelf for a patient: blocks, ranks, modifiers, and what reads the shelf of trials (SEMANTICS §6)."""

import pytest

from tests.library_shelf import ranked
from tests.made_documents import made_option, made_trial, order_of, result_of
from tests.synthetic import drug, lms, patient

MET, NOT_MET, UNKNOWN = "age >= 18", "age >= 99", "ecog <= 2"


def stance(strength, rule=MET, **more):
    return {"kind": "stance", "strength": strength, "rule": rule, **more}


def modifier(step, rule=MET):
    return {"kind": "modifier", "step": step, "rule": rule}


def must_not(rule):
    return {"kind": "must_not_use", **({"rule": rule} if rule else {})}


def shown(*documents, who=None, **how):
    """id, block, rank and strength of each, in the order of the page."""
    found = order_of(list(documents), who if who is not None else lms(), **how)
    return [
        (each.document.id, each.block.value, each.rank, each.strength.value if each.strength else None)
        for each in found
    ]


def test_a_doubt_whether_the_patient_lives_moves_no_option():
    documents = [
        made_option("a", stance("option")), made_option("p", stance("preferred"), modifier("down")),
        made_option("u", stance("preferred", UNKNOWN)), made_option("x", must_not(None)),
    ]  # fmt: skip
    doubted = lms(deceased="no", death_date="2026-01-12")
    assert shown(*documents, who=doubted) == shown(*documents)
    # What reads the shelf reads the statuses as they are.
    first = made_option("first", {"kind": "stance", "strength": "highest priority", "reads": "shelf"})
    trial = result_of(made_trial(MET), doubted)
    assert shown(first, who=doubted, trials=[trial]) == [("first", "could_apply", None, None)]


def test_options_that_apply_are_ranked_by_their_strongest_met_stance():
    assert shown(
        made_option("c", stance("consider")),
        made_option("a", stance("option"), stance("preferred")),
        made_option("h", stance("highest priority")),
        made_option("l", stance("less preferred")),
        made_option("t", stance("trial only")),
        made_option("b", stance("preferred"), stance("highest priority", NOT_MET), stance("highest priority", UNKNOWN)),
    ) == [
        ("h", "applies", 1, "highest priority"),
        ("a", "applies", 2, "preferred"),  # ties share a rank, in the order of the shelf
        ("b", "applies", 2, "preferred"),
        ("c", "applies", 3, "consider"),
        ("t", "applies", 4, "trial only"),
        ("l", "applies", 5, "less preferred"),
    ]


def test_what_could_apply_stands_second_and_what_does_not_last():
    assert shown(
        made_option("no", stance("highest priority", NOT_MET)),
        made_option("could", stance("consider", UNKNOWN)),
        made_option("could_better", stance("preferred", UNKNOWN), stance("highest priority", NOT_MET)),
        made_option("yes", stance("less preferred")),
        made_option("none", {"kind": "evidence"}),
    ) == [
        ("yes", "applies", 1, "less preferred"),
        ("could_better", "could_apply", None, None),
        ("could", "could_apply", None, None),
        ("no", "does_not_apply", None, None),
        ("none", "does_not_apply", None, None),
    ]


@pytest.mark.parametrize(
    ("modifiers", "rank"),
    [
        ((), 2),
        ((modifier("up"),), 1),
        ((modifier("down"),), 3),
        ((modifier("up"), modifier("down")), 2),
        # Only a met modifier moves.
        ((modifier("up", UNKNOWN),), 2),
        ((modifier("up", NOT_MET),), 2),
    ],
)
def test_met_modifiers_move_one_step(modifiers, rank):
    found = order_of(
        [
            made_option("above", stance("highest priority")),
            made_option("moved", stance("preferred"), *modifiers),
            made_option("below", stance("option")),
            made_option("far", stance("less preferred")),
        ],
        lms(),
    )
    moved = next(each for each in found if each.document.id == "moved")
    ranks = {each.level: each.rank for each in found}
    assert moved.level == rank - 1 and moved.rank == ranks[moved.level]
    # The strength is that of the stance, as the source gave it.
    assert moved.strength is not None and moved.strength.value == "preferred"


def test_nothing_stands_above_the_highest():
    found = order_of([made_option("a", stance("highest priority"), modifier("up"))], lms())
    assert (found[0].level, found[0].rank) == (0, 1)


@pytest.mark.parametrize(
    ("rule", "block"),
    [(MET, "must_not_use"), (UNKNOWN, "must_not_use"), (None, "must_not_use"), (NOT_MET, "applies")],
)
def test_what_must_not_be_used_stands_on_top_if_it_may_be_so(rule, block):
    forbidden = made_option("forbidden", stance("less preferred"), must_not(rule))
    found = shown(made_option("best", stance("highest priority")), forbidden)
    assert ("forbidden", block) in [(id, where) for id, where, _, _ in found]
    assert (found[0][0] == "forbidden") == (block == "must_not_use")


def test_notes_never_rank():
    notes = [
        {"kind": kind, "rule": MET} for kind in ("caution", "dose", "monitoring", "evidence", "regulatory", "result")
    ]
    found = order_of([made_option("a", stance("option"), *notes), made_option("b", stance("option"))], lms())
    assert [each.rank for each in found] == [1, 1]
    assert [statement.applies for statement in found[0].statements] == [True] * 7


def test_a_statement_without_a_rule_has_no_truth():
    (found,) = order_of([made_option("a", stance("option"), {"kind": "dose"})], lms())
    assert found.statements[1].truth is None and found.statements[1].applies


def test_what_is_missing_for_stances_modifiers_and_stops_is_listed():
    (found,) = order_of(
        [
            made_option(
                "a", stance("option", UNKNOWN), modifier("up", "anc >= 1 10*9/L"), must_not("platelets <= 10 10*9/L"),
                {"kind": "caution", "rule": "albumin >= 3 g/dL"},
            )
        ],
        lms(),
    )  # fmt: skip
    assert [(entry.text.split(" within")[0], entry.criteria) for entry in found.missing] == [
        ("ECOG performance status", ("a-1",)), ("platelet count", ("a-3",)), ("absolute neutrophil count", ("a-2",)),
    ]  # fmt: skip


def test_a_statement_holds_where_it_does_for_one_of_two_cancers():
    two = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": extent, "date": "2025-12-20",
         "diagnosis_id": id}
        for id, extent in (("A", "metastatic"), ("B", "localized"))
    ]  # fmt: skip
    option = made_option("a", stance("option", "has diagnosis(leiomyosarcoma, extent: metastatic)"))
    assert shown(option, who=lms(conditions=two)) == [("a", "applies", 1, "option")]
    assert shown(option, who=patient()) == [("a", "could_apply", None, None)]


# --- clinical trial first ------------------------------------------------------------------------------------------

FIRST = made_option("trial_first", {"kind": "stance", "strength": "highest priority", "reads": "shelf"})


@pytest.mark.parametrize(
    ("trials", "truth", "block"),
    [
        ([], "not_met", "does_not_apply"),
        ([made_trial(MET)], "met", "applies"),
        ([made_trial(UNKNOWN)], "unknown", "could_apply"),
        ([made_trial(NOT_MET)], "not_met", "does_not_apply"),
        ([made_trial(NOT_MET), made_trial(UNKNOWN), made_trial(MET)], "met", "applies"),
        ([made_trial(NOT_MET), made_trial(UNKNOWN)], "unknown", "could_apply"),
        # A trial that is not offered is no reason to look for one.
        ([made_trial(MET, recruitment="completed")], "not_met", "does_not_apply"),
        ([made_trial(MET, recruitment="completed"), made_trial(UNKNOWN)], "unknown", "could_apply"),
    ],
)
def test_clinical_trial_first_reads_the_shelf(trials, truth, block):
    results = [result_of(each, lms()) for each in trials]
    (found,) = order_of([FIRST], lms(), trials=results)
    assert (found.statements[0].truth.word, found.block.value) == (truth, block)


def test_the_trials_that_speak_for_it_are_named():
    results = [result_of(made_trial(MET, id="T1"), lms()), result_of(made_trial(NOT_MET, id="T2"), lms())]
    (found,) = order_of([FIRST], lms(), trials=results)
    finding = found.statements[0].finding
    assert finding is not None and [item.value for item in finding.evidence] == ["T1: potentially eligible"]


def test_the_library_puts_the_stop_above_everything_for_leiomyosarcoma():
    who = lms(
        treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", response="progressive disease")]
    )
    names = ["pazopanib", "trabectedin", "gemcitabine_pazopanib", "high_dose_ifosfamide", "clinical_trial"]
    found = ranked(names, who)
    assert found[0].document.id == "gemcitabine_pazopanib" and found[0].block.value == "must_not_use"
    assert all(each.block.value != "must_not_use" for each in found[1:])
