"""Lines of therapy by the thousand: in every world the same as one patient at a time."""

from datetime import timedelta

import numpy as np
import pytest

from matcher.engine.bulk.findings import code_of
from matcher.engine.bulk.lines import line_numbers, lines_of, next_line_start
from matcher.engine.bulk.records.candidates import OVER
from matcher.engine.bulk.records.lines import count_lines, count_of_lines, line_candidates
from matcher.engine.bulk.settings_of_therapy import setting_of
from matcher.engine.bulk.worsening import worsenings
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records import counts, lines, patterns
from matcher.engine.reference.records import worsening as reference_worsening
from tests.batches import batch_of, records_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient
from tests.unit.bulk.courses_of_therapy import many
from trials.criteria.parser import parse

PATTERNS = (
    "line(systemic)",
    "line(any)",
    "line(systemic, setting: advanced)",
    "line(systemic, setting: advanced or maintenance)",
    "line(systemic, setting: not (perioperative and not adjuvant))",
    "line(doxorubicin)",
    "line(systemic, ended: yes)",
    "line(systemic, ended: not no, setting: advanced)",
    "line(systemic, ended: (yes or no) and not yes)",
    "line(any, outcome: failure)",
    "line(anthracycline, response: progressive disease)",
    "line(gemcitabine and docetaxel or gemcitabine and cisplatin)",
    "line(systemic, other than: doxorubicin)",
)
LIMITS = (">= 2", "<= 1", "= 1", ">= 1", "= 0")


def rows_of(batch, contexts):
    """The treatments of the view, in its order."""
    by_patient = dict(zip(batch.patient.tolist(), contexts, strict=True))
    return [fact for index in sorted(by_patient) for fact in by_patient[index].patient.treatments]


def undated(world):
    """A world without the days of its doses: days of one dose that nothing tells apart are taken for one in bulk."""
    return tuple((tuple(id_ for id_, _ in doses), settings) for doses, settings in world)


def world_of_reference(world):
    return tuple(
        (tuple((dose.treatment.id, dose.start) for dose in line.doses), frozenset(line.settings)) for line in world
    )


def world_of_bulk(found, names, world):
    lines_ = []
    for line in range(found.lines[world], found.lines[world + 1]):
        doses = slice(found.doses[line], found.doses[line + 1])
        drugs = tuple(zip([names[row] for row in found.row[doses]], found.day[doses].tolist(), strict=True))
        lines_.append((drugs, frozenset(found.settings.values[found.settings.codes[line]])))
    return tuple(lines_)


def same_worlds(batch, contexts):
    """Compare the lines of every item in every world; how many worlds there are at most."""
    found, names = lines_of(batch), [fact.id for fact in rows_of(batch, contexts)]
    most = 0
    for item, context in enumerate(contexts):
        worlds = range(found.worlds[item], found.worlds[item + 1])
        expected = lines.lines_of(context)
        if expected is None:
            assert not len(worlds)
            continue
        tried = {undated(world_of_bulk(found, names, world)) for world in worlds if found.tried[world]}
        assert tried == {undated(world_of_reference(world)) for world in expected.worlds}
        assert world_of_bulk(found, names, found.base[item]) == world_of_reference(expected.base)
        assert found.unexplored[item] == expected.unexplored
        most = max(most, len(tried))
    return most


def same_treatments(batch, contexts):
    """Compare what lines say of every treatment: its setting, its line number, the start of the next line."""
    table = batch.table("treatments")
    pairs = batch.pairs(table)
    settings, (low, high), then = setting_of(batch, pairs), line_numbers(batch, pairs), next_line_start(batch, pairs)
    for k, (item, row) in enumerate(zip(pairs.item.tolist(), pairs.row.tolist(), strict=True)):
        context = contexts[item]
        treatment = context.patient.treatments[row - table.starts[batch.patient[item]]]
        assert settings.values[settings.codes[k]] == lines.setting_of(context, treatment)
        assert (None if np.isnan(low[k]) else (low[k], high[k])) == lines.line_numbers(context, treatment)
        following = lines.next_line_start(context, treatment)
        assert (then.lo[k], then.hi[k]) == (following.lo, following.hi)


def same_worsenings(batch, contexts):
    found = worsenings(batch)
    for item, context in enumerate(contexts):
        own = slice(found.bounds[item], found.bounds[item + 1])
        mine = zip(
            found.days.lo[own], found.days.hi[own], found.sure[own], found.counts_between_lines[own], strict=True
        )
        theirs = [
            (each.days.lo, each.days.hi, each.sure, each.counts_between_lines)
            for each in reference_worsening.worsenings(context)
        ]
        assert sorted(mine) == sorted(theirs)


def same_counts(batch, contexts, pattern):
    """Compare the range of a count, and its answers with their change and the days on which they may turn."""
    records = records_of(f"has {pattern}")
    low, high = count_lines(batch, records)
    leaves = [parse(f"count {pattern} {limit}") for limit in LIMITS]
    answers = [count_of_lines(batch, leaf) for leaf in leaves]
    for item, context in enumerate(contexts):
        found = lines.lines_of(context)
        if found is not None:
            expected = lines.count_lines(context, found, records, patterns.line_matches(context, records))
            assert (low[item], high[item]) == (expected.low, expected.high)
        for leaf, answer in zip(leaves, answers, strict=True):
            said = counts.counted(context, leaf)
            assert answer.code[item] == code_of(said)
            flip = min((day for day in said.flips if day > context.asked), default=FUTURE)
            assert answer.flips is None or answer.flips[item] <= flip


def same_candidates(batch, contexts, pattern):
    """Compare the lines that match a pattern, each with its course and what ends it."""
    records = records_of(f"has {pattern}")
    found, rows = line_candidates(batch, records, False), rows_of(batch, contexts)
    columns = (found.start.lo, found.start.hi, found.end.lo, found.end.hi, found.ceases, found.code)
    said = [set() for _ in contexts]
    for k, item in enumerate(found.item.tolist()):
        hours = None if np.isnan(found.half_life[k]) else found.half_life[k]
        said[item].add((rows[found.row[k]].id, hours, *(int(column[k]) for column in columns)))
    assert said == [
        {
            (
                each.fact.id, patterns.half_life(context, each.fact), each.course.start.lo, each.course.start.hi,
                each.course.end.lo, each.course.end.hi,
                OVER if each.course.ceases is None else each.course.ceases.hardness, code_of(each.finding),
            )
            for each in patterns.candidates(context, records)
        }
        for context in contexts
    ]  # fmt: skip


def agree(patients, **how):
    """Compare all that is said of lines; how many worlds some patient has at most."""
    how.setdefault("cancer", "leiomyosarcoma")
    batch, contexts = batch_of(patients, **how)
    most = same_worlds(batch, contexts)
    same_worsenings(batch, contexts)
    same_treatments(batch, contexts)
    for pattern in PATTERNS:
        same_counts(batch, contexts, pattern)
        same_candidates(batch, contexts, pattern)
    return most


PROGRESSION = [{"status": "progression", "date": "2024-06-01"}]
MAYBE = [{"status": "progression", "date": "2024"}, {"status": "words of no list", "date": "2024-06-02"}]


def sarcoma(*treatments, events=(), **rows):
    return lms(treatments=list(treatments), disease_status=list(events), coverage=[DRUGS_COMPLETE], **rows)


LOCALIZED = [{"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2022-01-01"}]

WHO = {
    "nothing": sarcoma(),
    "two drugs within 28 days": sarcoma(
        drug("gemcitabine", "2024-01-10", "2024-05-20"), drug("docetaxel", "2024-02-07", "2024-05-20")
    ),
    "a drug added after 29 days": sarcoma(
        drug("gemcitabine", "2024-01-10", "2024-05-20"), drug("docetaxel", "2024-02-08", "2024-05-20")
    ),
    "a brand of the same drug": sarcoma(
        drug("doxorubicin", "2024-01-10", "2024-03-20"), drug("Adriamycin", "2024-04-02", "2024-05-20")
    ),
    "back in the old line, or in one of its own": sarcoma(
        drug("doxorubicin", "2024-01-10", "2024-03-20"),
        drug("pazopanib", "2024-04-02", "2024-05-20"),
        drug("doxorubicin", "2024-08-02", "2024-10-20"),
        drug("pazopanib", "2025-01-02", "2025-05-20"),
    ),
    "again after progression": sarcoma(
        drug("doxorubicin", "2023-03-10", "2023-06-20"),
        drug("doxorubicin", "2024-09-02", "2024-12-20"),
        events=PROGRESSION,
    ),
    "again after what may be progression": sarcoma(
        drug("doxorubicin", "2023-03-10", "2023-06-20"), drug("doxorubicin", "2024-09-02", "2024-12-20"), events=MAYBE
    ),
    "again after a course that ended in progression": sarcoma(
        drug("doxorubicin", "2023-03-10", "2023-06-20", response="progressive disease"),
        drug("doxorubicin", "2024-09-02", "2024-12-20"),
    ),
    "a course ended in progression, another begun within 28 days": sarcoma(
        drug("doxorubicin", "2024-01-01", "2024-01-10", stop_reason="progression"),
        drug("ifosfamide", "2024-01-20", "2024-04-10", response="progressive disease"),
        drug("pazopanib", "2024-05-20", "2024-07-10"),
    ),
    "settings that exclude each other": sarcoma(
        drug("doxorubicin", "2024-01-01", setting="adjuvant"),
        drug("ifosfamide", "2024-01-05", setting="advanced"),
        drug("ifosfamide", "2024-01-06", setting="maintenance"),
        drug("pazopanib", "2024-01-07", setting="neoadjuvant"),
        drug("trabectedin", "2024-01-08", setting="words of no list"),
    ),
    "operated on": sarcoma(
        {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2023-06-01"},
        {"treatment": "hysterectomy", "kind": "surgery"},
        {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2025-06-01", "status": "planned"},
        drug("doxorubicin", "2023-08-01", "2023-10-20"),
        drug("pazopanib", "2024-03-01", "2024-10-20"),
        drug("trabectedin", None, "2024-10-20"),
        conditions=LOCALIZED,
    ),
    "without dates, names or a known end": sarcoma(
        drug("doxorubicin"),
        drug("", "2024-02"),
        drug("xq-17-unheard", "2023", ongoing="yes"),
        drug("pazopanib", "2025-11-01", ongoing="yes"),
    ),
    "an end and no start": sarcoma(drug("doxorubicin", None, "2021-05-01"), drug("pazopanib", "2025-11-01")),
    "too many worlds": sarcoma(*(drug(name) for name in ("doxorubicin", "pazopanib", "trabectedin", "", "ifosfamide"))),
    "too many worlds, of known days": sarcoma(
        *(drug("xq-17-unheard", f"2024-{month:02}-01") for month in range(1, 13)), events=MAYBE
    ),
    "numbers that run along": sarcoma(
        drug("doxorubicin", "2023-03-10", line="1"), drug("pazopanib", "2024-03-10", line="2"), drug("ifosfamide", "2025")
    ),
    "numbers that run against the days": sarcoma(
        drug("doxorubicin", "2024-03-10", line="2"), drug("pazopanib", "2024-03-10", line="1"),
        drug("doxorubicin", "2025-03-10", line="1"), events=MAYBE,
    ),
    "a number higher than lines are known, and one begun later": sarcoma(
        drug("doxorubicin", "2024-03-10", line="3"), drug("pazopanib", "2025-03-10")
    ),
    "a first line that another of its setting precedes": sarcoma(
        drug("doxorubicin", "2023-03-10", setting="advanced"),
        drug("pazopanib", "2024-03-10", line="1", setting="advanced"),
        drug("ifosfamide", "2024-03-11", line="1", setting="advanced"),
    ),
    "numbered by setting": sarcoma(
        drug("doxorubicin", "2022-03-10", line="1", setting="adjuvant"),
        drug("pazopanib", "2024-03-10", line="1", setting="advanced"),
        drug("ifosfamide", "2025-03-10", line="2", setting="advanced"),
        conditions=LOCALIZED,
    ),
    "numbered through all settings": sarcoma(
        drug("doxorubicin", "2022-03-10", line="1", setting="adjuvant"),
        drug("pazopanib", "2024-03-10", line="2", setting="advanced"),
        drug("gemcitabine", "2024-03-12", line="2", setting="advanced"),
        drug("ifosfamide", "2025-03-10", line="3", setting="advanced"),
    ),
    "a regimen": sarcoma(
        drug("gemcitabine", "2024-01-10", "2024-05-20"), drug("docetaxel", "2024-01-12", "2024-05-20"),
        drug("gemcitabine", "2025-01-10", "2025-05-20"), {"treatment": "radiotherapy", "start_date": "2024-02-01"},
    ),
    "another cancer": patient(
        conditions=[{"condition": "breast carcinoma", "kind": "primary"}], treatments=[drug("doxorubicin", "2024-01-10")]
    ),
    "no cancer at all": patient(treatments=[drug("doxorubicin", "2024-01-10", line="2")], disease_status=PROGRESSION),
}  # fmt: skip

METASTASES = {
    "told of again": ({"date": "2024-01-10", "body_site": "lung"}, {"date": "2024-09-10", "body_site": "lung"}),
    "known before": ({"date": "2024-01-10", "body_site": "lung", "state": "stable"},),
    "known before, told of again": (
        {"date": "2024-01-10", "body_site": "lung"}, {"date": "2024-09-10", "body_site": "lung", "state": "treated"},
    ),
    "of no day": ({"body_site": "lung"}, {"date": "2024-09-10", "body_site": "lung"}),
    "after one at no site": ({"date": "2024-01-10"}, {"date": "2024-09-10", "body_site": "lung"}),
    "suspected or denied": (
        {"date": "2024-01-10", "status": "suspected"}, {"date": "2024-09-10", "body_site": "lung", "status": "absent"},
    ),
    "of another cancer": ({"date": "2024-01-10", "body_site": "lung", "diagnosis_id": "D2"},),
}  # fmt: skip


@pytest.mark.parametrize("case", WHO)
def test_one_patient(case):
    agree([WHO[case]])


@pytest.mark.parametrize("case", METASTASES)
def test_metastases_part_lines_or_may(case):
    again = [drug("doxorubicin", "2023-05-10", "2023-08-10"), drug("doxorubicin", "2024-12-10", "2025-02-10")]
    primaries = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "diagnosis_id": "D1"},
        {"condition": "breast carcinoma", "kind": "primary", "body_site": "breast", "diagnosis_id": "D2"},
    ]
    rows = [{"condition": "metastasis", "kind": "metastasis", **row} for row in METASTASES[case]]
    agree([sarcoma(*again, conditions=[*primaries, *rows]), sarcoma(*again, conditions=[primaries[0], *rows])])


@pytest.mark.parametrize("cancer", ["", "leiomyosarcoma or breast carcinoma"])
def test_all_of_them_together(cancer):
    agree(list(WHO.values()), cancer=cancer)


@pytest.mark.parametrize("later", [400])
def test_on_a_later_day_with_what_is_known_now(later):
    agree(list(WHO.values()), as_of=TODAY + timedelta(days=later), known=TODAY)


def test_where_there_is_nobody():
    agree([])


def test_more_worlds_than_are_tried():
    batch, contexts = batch_of([WHO["too many worlds, of known days"]], cancer="leiomyosarcoma")
    assert same_worlds(batch, contexts) > 1
    assert lines_of(batch).unexplored.tolist() == [12]
    assert not lines_of(batch).tried.all()


def test_items_that_come_several_times_have_their_lines_each_time():
    batch, _ = batch_of(list(WHO.values()), cancer="leiomyosarcoma")
    twice = np.repeat(np.arange(batch.n), 2)
    leaf = parse("count line(systemic, setting: advanced) >= 2")
    assert (count_of_lines(batch.some(twice), leaf).code == np.repeat(count_of_lines(batch, leaf).code, 2)).all()


@pytest.mark.parametrize("seed", range(2))
def test_what_registries_leave_open(seed):
    assert agree(many(20, seed)) > 8
