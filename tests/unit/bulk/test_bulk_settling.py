"""Which missing fact would settle the most pairs: lists of missing facts, and pairs that lack them."""

import numpy as np

from matcher.engine.bulk.settling import MissingFact, Pairs, Reach, Settling, digest_of, settling, together


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


def found(*rows):
    """What is counted over pairs (patient, trial, what it lacks, whether its trial is offered)."""
    listed = {digest_of(row[2]): row[2] for row in rows}
    pairs = Pairs(
        np.array([digest_of(row[2]) for row in rows], np.int64),
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[3] if len(row) > 3 else True for row in rows], np.bool_),
    )
    return settling(pairs, listed)


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
    assert told(said.every) == [
        ("NTRK fusion testing", 3, 2, 2, 4, 3),
        ("ECOG within 60 days", 1, 1, 1, 4, 3),
        ("sites of the metastases", 0, 0, 0, 3, 3),
    ]
    assert said.every[0].settles.trials == {10, 11}


def test_nothing_is_missing_where_no_pair_lacks_a_fact():
    assert found() == Settling()
    assert digest_of([]) == 0
    # A pair that needs facts of which none is named asks for nothing.
    assert found((1, 10, [])).every == ()


def test_trials_that_take_patients_are_counted_apart():
    said = found((1, 10, [settled(ECOG)], True), (2, 11, [settled(ECOG), SITE], False))
    assert told(said.every) == [("ECOG within 60 days", 2, 2, 2, 2, 2), ("sites of the metastases", 0, 0, 0, 1, 1)]
    assert told(said.offered) == [("ECOG within 60 days", 1, 1, 1, 1, 1)]


def test_a_fact_is_the_same_whatever_its_words_criteria_and_the_order_of_its_concepts():
    worded = {**NTRK, "concepts": ["NTRK2", "NTRK1"], "text": "test for NTRK fusions", "criteria": ["E4", "I2"]}
    assert digest_of([worded]) == digest_of([NTRK])
    other = fact("observation", "hemoglobin")
    said = found((1, 10, [NTRK]), (2, 10, [NTRK]), (3, 11, [worded, other]))
    assert told(said.every)[0] == ("NTRK fusion testing", 0, 0, 0, 3, 3)
    assert [(each.text, each.wordings) for each in said.every] == [
        ("NTRK fusion testing", 1),
        ("observation hemoglobin", 0),
    ]


def test_another_window_attribute_or_kind_is_another_fact():
    later = {**ECOG, "window": "within 14 days", "text": "ECOG within 14 days"}
    mutation = {**NTRK, "attribute": "mutation", "text": "NTRK mutation testing"}
    said = found((1, 10, [ECOG]), (1, 11, [later]), (1, 12, [NTRK]), (1, 13, [mutation]))
    assert sorted(text for text, *_ in told(said.every)) == [
        "ECOG within 14 days", "ECOG within 60 days", "NTRK fusion testing", "NTRK mutation testing",
    ]  # fmt: skip
    assert len({each.id for each in said.every}) == 4


def test_a_list_complete_to_a_day_is_one_fact_on_every_day():
    def medications(day):
        return fact("coverage", "all", attribute="medications", text=f"medication list complete to {day}?")

    said = found((1, 10, [settled(medications("2026-01-14"))]), (2, 10, [settled(medications("2026-01-15"))]))
    assert told(said.every) == [("medication list complete?", 2, 2, 1, 2, 2)]


def test_what_settles_one_pair_need_not_settle_another():
    assert digest_of([ECOG]) != digest_of([settled(ECOG)])
    said = found((1, 10, [settled(ECOG)]), (2, 10, [ECOG, SITE]))
    (id_,) = (each.id for each in said.every if each.text == ECOG["text"])
    inside, settling_ = said.lists[id_]
    assert settling_.tolist() == [digest_of([settled(ECOG)])]
    assert sorted(inside.tolist()) == sorted([digest_of([settled(ECOG)]), digest_of([ECOG, SITE])])


def test_registries_share_no_patient():
    one, other = found((1, 10, [settled(ECOG)])), found((2, 10, [settled(ECOG)]), (2, 11, [ECOG, settled(NTRK)]))
    assert told(together([one.every, other.every])) == [
        ("ECOG within 60 days", 2, 2, 1, 3, 2),
        ("NTRK fusion testing", 1, 1, 1, 1, 1),
    ]
    assert together([]) == ()


def test_ties_are_broken_by_patients_then_by_who_asks_then_by_words():
    def missing(text, settles, asked):
        return MissingFact(text, "k", (), "", "", text, 0, Reach(*settles), Reach(*asked))

    facts = [missing("b", (2, 1), (2, 1)), missing("a", (2, 2), (2, 2)), missing("d", (0, 0), (3, 1)),
             missing("c", (0, 0), (3, 2)), missing("e", (0, 0), (3, 1))]  # fmt: skip
    assert [each.text for each in together([facts])] == ["a", "b", "c", "d", "e"]
