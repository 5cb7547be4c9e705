"""Which missing fact would settle the most pairs of patients and trials."""

import numpy as np

from matcher.engine.bulk.settling import MissingFact, Pairs, Reach, Tally, code, number_of, packed, together


def fact(kind, *concepts, attribute="", window="", text="", settles=False):
    """A missing fact as a match row has it."""
    return {
        "kind": kind, "concepts": list(concepts), "attribute": attribute, "window": window,
        "text": text or " ".join((kind, *concepts)), "criteria": ["I1"], "settles": settles,
    }  # fmt: skip


ECOG = fact("observation", "ecog", window="within 60 days", text="ECOG within 60 days")
NTRK = fact("biomarker", "NTRK1", "NTRK2", attribute="fusion", text="NTRK fusion testing")
SITE = fact("condition", "metastasis", attribute="site", text="sites of the metastases")


def settled(fact):
    return {**fact, "settles": True}


def found(*rows, apart=False, offered=False):
    """What is counted over pairs (patient, trial, what it lacks, whether its trial is offered), added at once."""
    tally = Tally()
    for some in [[row] for row in rows] if apart else [rows]:
        keys = [rows.index(row) for row in some]
        tally.add(
            Pairs(
                np.array(keys, np.int64),
                np.array([row[0] for row in some], np.int64),
                np.array([row[1] for row in some], np.int64),
                np.array([row[3] if len(row) > 3 else True for row in some], np.bool_),
                [packed(row[2]) for row in some],
            )
        )
    return tally.facts({key: row[2] for key, row in enumerate(rows)}, offered=offered)


def told(facts):
    """Each fact: pairs, patients and trials that it would settle; pairs and patients that ask for it."""
    return [
        (each.text, each.settles.pairs, each.settles.patients, len(each.settles.trials), each.asked.pairs,
         each.asked.patients)
        for each in facts
    ]  # fmt: skip


def test_pairs_and_distinct_patients_are_counted_and_what_settles_most_comes_first():
    said = found(
        (1, 10, [settled(NTRK)]),
        (1, 11, [settled(NTRK)]),
        (2, 10, [settled(NTRK)]),
        (3, 10, [ECOG, NTRK]),
        (3, 11, [ECOG, SITE]),
        (4, 11, [settled(ECOG), SITE]),
        (5, 12, [SITE, ECOG]),
    )
    assert told(said) == [
        ("NTRK fusion testing", 3, 2, 2, 4, 3),
        ("ECOG within 60 days", 1, 1, 1, 4, 3),
        ("sites of the metastases", 0, 0, 0, 3, 3),
    ]
    assert (said[0].settles.trials, said[0].asked.trials) == ({10, 11}, {10, 11})
    assert (said[2].settles.trials, said[2].asked.trials) == (set(), {11, 12})


def test_it_is_the_same_added_some_patients_at_a_time():
    rows = [(1, 10, [settled(NTRK), ECOG], False), (2, 10, [NTRK, settled(ECOG)]), (3, 11, [settled(NTRK)])]
    for offered in (False, True):
        assert found(*rows, apart=True, offered=offered) == found(*rows, offered=offered)


def test_nothing_is_missing_where_no_pair_lacks_a_fact():
    assert found() == () == found((1, 10, []))
    assert packed([]) == b""


def test_trials_that_take_patients_are_counted_apart():
    rows = [(1, 10, [settled(ECOG)], True), (2, 11, [settled(ECOG), SITE], False)]
    assert told(found(*rows)) == [
        ("ECOG within 60 days", 2, 2, 2, 2, 2),
        ("sites of the metastases", 0, 0, 0, 1, 1),
    ]
    assert told(found(*rows, offered=True)) == [("ECOG within 60 days", 1, 1, 1, 1, 1)]


def test_a_fact_is_the_same_whatever_its_words_criteria_and_the_order_of_its_concepts():
    worded = {**NTRK, "concepts": ["NTRK2", "NTRK1"], "text": "test for NTRK fusions", "criteria": ["E4", "I2"]}
    assert packed([worded]) == packed([NTRK])
    assert told(found((1, 10, [NTRK]), (2, 10, [worded]))) == [("NTRK fusion testing", 0, 0, 0, 2, 2)]


def test_another_window_attribute_or_kind_is_another_fact():
    later = {**ECOG, "window": "within 14 days", "text": "ECOG within 14 days"}
    mutation = {**NTRK, "attribute": "mutation", "text": "NTRK mutation testing"}
    kind = {**ECOG, "kind": "condition", "text": "ECOG as a condition"}
    said = found((1, 10, [ECOG]), (1, 11, [later]), (1, 12, [NTRK]), (1, 13, [mutation]), (1, 14, [kind]))
    assert [text for text, *_ in told(said)] == [
        "ECOG as a condition", "ECOG within 14 days", "ECOG within 60 days", "NTRK fusion testing",
        "NTRK mutation testing",
    ]  # fmt: skip
    assert len({each.id for each in said}) == 5


def test_a_list_complete_to_a_day_is_one_fact_on_every_day():
    def medications(day):
        return fact("coverage", "all", attribute="medications", text=f"medication list complete to {day}?")

    said = found((1, 10, [settled(medications("2026-01-14"))]), (2, 10, [settled(medications("2026-01-15"))]))
    assert told(said) == [("medication list complete?", 2, 2, 1, 2, 2)]


def test_the_details_of_records_are_one_fact_whatever_each_rule_asks_of_them():
    def details(rule, *concepts):
        return fact("disease_status", *concepts, attribute="details", text=f"details: {rule}")

    one, other = details("has disease_status(progression) within 6 months", "progression"), details("x", "progression")
    any_ = details("has disease_status(any)")
    assert told(found((1, 10, [one]), (2, 11, [other]), (3, 11, [any_]))) == [
        ("details of disease status: progression", 0, 0, 0, 2, 2),
        ("details of disease status", 0, 0, 0, 1, 1),
    ]


def test_what_settles_one_pair_need_not_settle_another():
    assert packed([ECOG]) != packed([settled(ECOG)])
    assert packed([settled(ECOG)]) == code(number_of(ECOG), settles=True)
    # Groups of alternatives that read alike are one fact, which settles if one of them does.
    assert packed([ECOG, settled(ECOG)]) == packed([settled(ECOG), ECOG]) == packed([settled(ECOG)])


def test_registries_share_no_patient():
    one, other = found((1, 10, [settled(ECOG)])), found((2, 10, [settled(ECOG)]), (2, 11, [ECOG, settled(NTRK)]))
    assert told(together([one, other])) == [
        ("ECOG within 60 days", 2, 2, 1, 3, 2),
        ("NTRK fusion testing", 1, 1, 1, 1, 1),
    ]
    assert together([]) == ()


def test_ties_are_broken_by_patients_then_by_who_asks_then_by_words():
    def missing(text, settles, asked):
        return MissingFact(text, "k", (), "", "", text, Reach(*settles), Reach(*asked))

    facts = [missing("b", (2, 1), (2, 1)), missing("a", (2, 2), (2, 2)), missing("d", (0, 0), (3, 1)),
             missing("c", (0, 0), (3, 2)), missing("e", (0, 0), (3, 1))]  # fmt: skip
    assert [each.text for each in together([facts])] == ["a", "b", "c", "d", "e"]
