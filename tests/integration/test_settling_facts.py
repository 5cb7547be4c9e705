"""Which missing fact would settle the most pairs of a registry, as runs find it and as changes of patients move it."""

from __future__ import annotations

import io
from collections import defaultdict
from datetime import date
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command

from matcher import runs
from matcher.engine.bulk.settling import MissingFact
from matcher.models import Match, MatchRun
from patients.models import Registry
from tests.shelf import TRIAL, centre, on_day, published, uploaded
from trials import actions
from trials.models import Version

DAY = date(2026, 1, 15)
TESTED = TRIAL[TRIAL.index("test_patients:") :]
NOTHING_KNOWN = """\
test_patients:
  - {name: nothing is known, as_of: 2026-01-15, patient: {}, expect: {status: needs_information}}
"""
WITH_COHORTS = TRIAL.replace(TESTED, NOTHING_KNOWN).replace("criteria:", "cohorts: [{id: A}, {id: B}]\ncriteria:", 1)
PLATELETS = (
    "  - {id: I4, text: Platelets., polarity: inclusion, cohorts: [B], rule: platelets >= 100 10*9/L}\n  - {id: C1,"
)
MEN = "  - {id: I3, text: Male., polarity: inclusion, cohorts: [A], rule: sex is male}\n  - {id: C1,"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    on_day(monkeypatch, DAY)
    cache.clear()


@pytest.fixture
def registry(settings: Any, tmp_path: Any) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture
def version() -> Version:
    return published()


def named(text: str, name: str, number: int) -> Version:
    """The same trial under another name."""
    return published(
        text.replace("FIRST", name).replace("NCT00000001", f"NCT0000000{number}").replace("2020-0", f"202{number}-0")
    )


def matched(registry: Registry, **options: Any) -> MatchRun:
    return runs.run_inline(runs.start_run(registry=registry, by=None, queue=False, **options))


def followed(registry: Registry) -> MatchRun:
    run = runs.follow(registry, queue=False)
    assert run is not None
    return runs.run_inline(run)


def told(facts: tuple[MissingFact, ...]) -> dict[str, tuple[int, int, int, int]]:
    """Per fact the pairs, patients and trials that it would settle, and the pairs that ask for it."""
    return {
        fact.text: (fact.settles.pairs, fact.settles.patients, len(fact.settles.trials), fact.asked.pairs)
        for fact in facts
    }


def by_hand(run: MatchRun) -> dict[str, tuple[int, int, int, int]]:
    """The same, read off the rows that hold now."""
    settles, asked = defaultdict(list), defaultdict(list)
    for row in Match.objects.filter(current=True, run__registry=run.registry, status="needs_information"):
        for each in row.missing if row.needs in ("facts", "both") else ():
            text = each["text"].replace(" to 2026-01-15", "")
            asked[text].append(row)
            if each["settles"]:
                settles[text].append(row)
    return {
        text: (
            len(settles[text]), len({row.patient_id for row in settles[text]}),
            len({row.document_id for row in settles[text]}), len(rows),
        )
        for text, rows in asked.items()
    }  # fmt: skip


ECOG = "ECOG performance status within 60 days"


def test_a_fact_settles_pairs_of_distinct_patients_in_several_trials(registry: Registry, version: Version) -> None:
    named(TRIAL, "SECOND", 2)
    # P-4, who would lack it too, is dead; P-5, to whom doxorubicin was given, is not now.
    uploaded(registry, {
        "patients": "patient_id,sex,birth_date,deceased,data_through\nP-6,female,1961-01-01,no,2026-01-10\n",
        "conditions": "patient_id,condition,kind,body_site,extent,date\n"
                      "P-6,leiomyosarcoma,primary,uterus,metastatic,2024-02-01\n",
        "coverage": "patient_id,domain,scope,complete_through\nP-6,treatments,kind:drug,2026-01-15\n",
    })  # fmt: skip
    found = runs.settling_of(matched(registry))
    assert told(found.every) == {ECOG: (4, 2, 2, 4)}
    assert found.offered == found.every


def test_pairs_count_by_their_best_cohort(registry: Registry) -> None:
    # Cohort B asks for platelets too; A does not, and stands first.
    both = WITH_COHORTS.replace("  - {id: C1,", PLATELETS)
    run = matched(registry, versions=[published(both)])
    assert told(runs.settling_of(run).every) == {ECOG: (1, 1, 1, 1)}
    # With A against them, B is what is open to them: P-1 lacks the platelets alone, P-2 both.
    only = both.replace("  - {id: C1,", MEN)
    run = matched(registry, versions=[named(only, "SECOND", 2)])
    assert told(runs.settling_of(run).every) == {"platelet count within 30 days": (1, 1, 1, 2), ECOG: (0, 0, 0, 1)}


def test_alternatives_are_one_fact(registry: Registry) -> None:
    text = TRIAL.replace(TESTED, NOTHING_KNOWN).replace("rule: ecog <= 2", "rule: ecog <= 2 or karnofsky >= 70")
    (fact,) = runs.settling_of(matched(registry, versions=[published(text)])).every
    assert fact.text.startswith("ECOG") and " or " in fact.text and "arnofsky" in fact.text
    assert (fact.concepts, fact.settles.pairs) == (("ecog", "karnofsky"), 1)


def test_what_patients_change_is_counted_for_the_whole_registry(registry: Registry, version: Version) -> None:
    named(TRIAL.replace("ecog <= 2", "ecog <= 1"), "SECOND", 2)
    first = matched(registry)
    assert told(runs.settling_of(first).every) == {ECOG: (2, 1, 2, 2)} == by_hand(first)
    # One patient more, by a run of that patient alone.
    uploaded(registry, {
        "patients": "patient_id,sex,birth_date,deceased,data_through\nP-7,female,1961-01-01,no,2026-01-10\n",
        "conditions": "patient_id,condition,kind,body_site,extent,date\n"
                      "P-7,leiomyosarcoma,primary,uterus,metastatic,2024-02-01\n",
    })  # fmt: skip
    run = followed(registry)
    assert run.scope == "patients"
    assert told(runs.settling_of(run).every) == by_hand(run)
    assert told(runs.settling_of(run).every)[ECOG][3] == 4
    # P-2 is answered.
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    last = followed(registry)
    assert told(runs.settling_of(last).every) == by_hand(last)
    assert told(runs.settling_of(last).every)[ECOG][3] == 2
    # What an earlier run left is told as it was then.
    cache.clear()
    assert told(runs.settling_of(first).every) == {ECOG: (2, 1, 2, 2)}


def test_a_run_about_a_date_counts_its_own_pairs(registry: Registry, version: Version) -> None:
    matched(registry)
    past = matched(registry, as_of=date(2025, 6, 1), versions=[version])
    # On that day nobody had an ECOG yet, and P-4, of whose death no day is known, was alive.
    assert told(runs.settling_of(past).every)[ECOG][3] == 4
    assert told(runs.settling_of(runs.latest_standing([registry])[0]).every)[ECOG][3] == 1


def test_the_pairs_of_a_fact_are_found_again(registry: Registry, version: Version) -> None:
    run = matched(registry)
    (fact,) = runs.settling_of(run).every
    for settled in (True, False):
        rows = runs.lacking_fact(Match.objects.all(), fact.id, settled=settled)
        assert [row.patient.patient_id for row in rows] == ["P-2"]
    for unknown in ("0" * 16, "no number", "-1", "f" * 40):
        assert not runs.lacking_fact(Match.objects.all(), unknown, settled=False).exists()


def test_of_a_closed_trial_it_is_told_where_there_is_no_other(registry: Registry, version: Version) -> None:
    first = runs.first_things([matched(registry)])
    assert (told(first.facts), first.offered) == ({ECOG: (1, 1, 1, 1)}, True)
    actions.set_open_here(document=version.document, open_here=False, by=None, reason="no slots")
    closed = runs.first_things([matched(registry)])
    assert (told(closed.facts), closed.offered) == ({ECOG: (1, 1, 1, 1)}, False)


def test_what_was_counted_is_kept(registry: Registry, version: Version, django_assert_num_queries: Any) -> None:
    run = matched(registry)
    found = runs.settling_of(run)
    with django_assert_num_queries(0):
        assert runs.settling_of(run).every == found.every


def test_match_names_what_to_find_out_first(registry: Registry, version: Version) -> None:
    said = io.StringIO()
    call_command("match", registry="centre", as_of="2026-01-15", trial=["FIRST"], stdout=said)
    lines = [line.split() for line in said.getvalue().splitlines()]
    assert "asked for by pairs  what to find out first, for trials that take patients" in said.getvalue()
    assert ["1", "1", "1", "1", *ECOG.split()] in lines
    # Nothing to find out, nothing said.
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    said = io.StringIO()
    call_command("match", registry="centre", as_of="2026-01-15", trial=["FIRST"], stdout=said)
    assert "what to find out first" not in said.getvalue()
