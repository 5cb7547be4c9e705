"""The made-up registry is the same for the same day, wears the canonical columns, and holds what it promises."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from matcher.demo import ANSWERED, BONE, STORIES, build, write
from matcher.demo.chart import COLUMNS, Chart, make_row
from matcher.demo.course import draw_course
from matcher.demo.diseases import COMORBIDITIES, CYP3A_DRUGS, DISEASES, MEDICATIONS, REGIMENS, TOXICITIES, UNKNOWN_DRUGS
from matcher.demo.workup import ASSAYS
from matcher.engine import evaluate_trial
from matcher.publishing import LIBRARY
from patients import actions
from patients.facts import Answer
from patients.intake import run_import
from patients.intake.kinds import KINDS
from patients.models import ObservationFact, Preset, Upload
from patients.selectors import patient_records
from patients.vocabulary import Domain, default
from trials.criteria.documents import TrialDocument, read_document

TODAY = date(2026, 1, 15)
TABLES = build(TODAY)


def rows_of(patient_id: str, file: str) -> list[dict[str, str]]:
    return [row for row in TABLES[file] if row.get("patient_id") == patient_id]


def test_same_day_and_seed_give_the_same_rows() -> None:
    assert build(TODAY) == TABLES
    assert build(TODAY, seed=1) != TABLES


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2026, 3, 31), date(2031, 12, 31)])
def test_days_move_with_today_and_nothing_else_does(today: date) -> None:
    moved = build(today)
    assert {name: len(rows) for name, rows in moved.items()} == {name: len(rows) for name, rows in TABLES.items()}
    ecog = next(row for row in moved["observations"] if row["patient_id"] == "P-0003" and row["test"] == "ecog")
    assert date.fromisoformat(ecog["date"]) == today - timedelta(days=166)


def test_there_are_enough_patients_and_most_are_leiomyosarcoma() -> None:
    ids = {row["patient_id"] for row in TABLES["patients"]}
    assert len(ids) >= 240
    names = Counter(
        default().find(row["condition"], Domain.CANCER)[:1] for row in TABLES["conditions"] if row["kind"] == "primary"
    )
    smooth_muscle = sum(count for found, count in names.items() if found and "leiomyosarcoma" in found[0])
    assert smooth_muscle >= 100
    assert len(names) >= 20


@pytest.mark.parametrize("file", COLUMNS)
def test_columns_are_those_of_the_canonical_layout(file: str) -> None:
    kind = KINDS[file]
    known = {column.name for column in kind.columns}
    assert set(COLUMNS[file]) <= known
    assert set(kind.required) <= set(COLUMNS[file])


def test_record_ids_name_one_row_each() -> None:
    for file, rows in TABLES.items():
        ids = Counter(row["record_id"] for row in rows if row.get("record_id"))
        assert [each for each, count in ids.items() if count > 1] == [], file


def test_the_clean_words_are_known_and_the_dirty_ones_are_not() -> None:
    find = default().find
    drugs = {drug for regimen in REGIMENS.values() for drug in regimen.drugs}
    drugs |= {name for name, _ in MEDICATIONS} | set(CYP3A_DRUGS)
    assert [name for name in sorted(drugs) if not find(name, Domain.DRUG)] == []
    tumours = {name for disease in DISEASES for name in disease.names}
    illnesses = tumours | set(COMORBIDITIES) | set(TOXICITIES)
    assert [name for name in sorted(illnesses) if not find(name, Domain.CANCER, Domain.CONDITION)] == []
    sites = {site for disease in DISEASES for site in (*disease.sites, *disease.organs)}
    assert [name for name in sorted(sites) if not find(name, Domain.SITE)] == []
    operations = {name for disease in DISEASES for name in disease.operations}
    assert [name for name in sorted(operations) if not find(name, Domain.PROCEDURE)] == []
    assert [name for name in UNKNOWN_DRUGS if find(name, Domain.DRUG, Domain.PROCEDURE)] == []


def test_both_laboratories_report_the_same_value_in_units_their_tests_have() -> None:
    vocabulary = default()
    for assay in ASSAYS.values():
        value = sum(assay.usual) / 2
        central = vocabulary.convert(value, test=assay.test, unit=assay.unit)
        assert central is not None, assay.test
        if assay.outside is not None:
            unit, factor, _, name = assay.outside
            assert vocabulary.find_test(name) == assay.test
            assert vocabulary.convert(value * factor, test=assay.test, unit=unit) == pytest.approx(central, rel=0.01)


@pytest.mark.parametrize("seed", range(40))
def test_a_course_happens_in_order(seed: int) -> None:
    rng = Random(seed)
    course = draw_course(rng, rng.choice(DISEASES))
    assert course.metastatic is None or course.diagnosed >= course.metastatic >= 0
    for line in course.lines:
        assert course.diagnosed > line.start
        assert line.end is None or line.start > line.end >= 0
        if line.setting == "advanced":
            assert course.metastatic is not None and course.metastatic > line.start
    starts = [line.start for line in course.lines]
    assert starts == sorted(starts, reverse=True)
    assert all(line.end is not None for line in course.lines[:-1])
    if course.died is not None:
        assert all(line.end is not None and line.end > course.died for line in course.lines)


def test_stories_are_the_first_patients_and_the_bone_patient_is_whole() -> None:
    assert [row["patient_id"] for row in TABLES["patients"]][: len(STORIES)][0] == BONE == STORIES[0].patient_id
    assert len({story.patient_id for story in STORIES}) == len(STORIES)
    treatments = [row["treatment"] for row in rows_of(BONE, "treatments") if row["kind"] == "drug"]
    assert treatments == ["Adriamycin", "gemcitabine/docetaxel", "Votrient"]
    primary = rows_of(BONE, "conditions")[0]
    assert (primary["condition"], primary["body_site"], primary["extent"]) == ("leiomyosarcoma", "femur", "metastatic")


def test_answers_are_of_patients_who_live() -> None:
    dead = {row["patient_id"] for row in TABLES["patients"] if row["deceased"] == "yes"}
    assert {patient_id for patient_id, *_ in ANSWERED} <= {story.patient_id for story in STORIES} - dead


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("a date without its day", lambda: any(len(row["start_date"]) == 7 for row in TABLES["treatments"])),
        ("a date without its month", lambda: any(len(row["date"]) == 4 for row in TABLES["conditions"])),
        ("a drug without a name", lambda: any(row["treatment"] == "" for row in TABLES["treatments"])),
        ("a drug without an end", lambda: any(row["end_date"] == "" for row in TABLES["treatments"])),
        ("two sexes", lambda: {row["sex"] for row in rows_of("P-0015", "patients")} == {"female", "male"}),
        ("ECOG 7", lambda: any(row["test"] == "ecog" and row["value"] == "7" for row in TABLES["observations"])),
        ("a bound", lambda: any(row["value"].startswith("<") for row in TABLES["observations"])),
        ("creatinine in two units",
         lambda: {row["unit"] for row in TABLES["observations"] if "creat" in row["test"]} >= {"umol/L", "mg/dL"}),
        ("a death without a date",
         lambda: any(row["deceased"] == "yes" and not row["death_date"] for row in TABLES["patients"])),
        ("a date to come", lambda: any(row["date"] > TODAY.isoformat() for row in TABLES["observations"])),
        ("no data_through", lambda: any(not row["data_through"] for row in TABLES["patients"])),
        ("31 February", lambda: any(row["date"].endswith("-02-31") for row in TABLES["conditions"])),
    ],
)  # fmt: skip
def test_the_dirt_is_there(what: str, found: object) -> None:
    assert callable(found) and found(), what


def test_a_row_takes_only_the_columns_of_its_file() -> None:
    with pytest.raises(KeyError, match="ecog"):
        make_row("patients", {"patient_id": "P", "ecog": 1})


def test_completeness_is_said_once() -> None:
    chart = Chart("P-1", TODAY)
    chart.complete("treatments", ago=3)
    chart.complete("treatments", "medications", ago=9)
    assert [(row["domain"], row["complete_through"]) for row in chart.tables["coverage"]] == [
        ("treatments", "2026-01-12"), ("medications", "2026-01-06"),
    ]  # fmt: skip


def test_the_command_writes_what_the_library_builds(tmp_path: Path) -> None:
    out = StringIO()
    call_command("demo_registry", str(tmp_path / "made"), "--today", "2026-01-15", stdout=out)
    assert {path.stem for path in (tmp_path / "made").iterdir()} == set(COLUMNS)
    with (tmp_path / "made" / "treatments.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == TABLES["treatments"]
    assert f"{len(TABLES['observations'])} rows" in out.getvalue()


def test_the_command_refuses_a_date_that_is_none_and_a_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"31 June.*YYYY-MM-DD"):
        call_command("demo_registry", str(tmp_path), "--today", "31 June")
    (tmp_path / "taken").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("demo_registry", str(tmp_path / "taken"))


def test_writing_again_replaces_the_files(tmp_path: Path) -> None:
    write(tmp_path, today=TODAY)
    write(tmp_path, today=TODAY + timedelta(days=1))
    with (tmp_path / "patients.csv").open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == len(TABLES["patients"])


#: What the import must say of the made-up files, beside notes: each kind of problem once at least.
PROBLEMS = {
    "assay_not_in_vocabulary", "code_not_known", "date_in_future", "domain_not_known", "end_before_start",
    "name_not_in_vocabulary", "not_a_date", "not_a_number", "nothing_withdrawn", "ongoing_with_end",
    "patient_id_missing",
    "patient_not_known", "rows_conflict", "site_not_in_vocabulary", "unit_missing", "unit_not_known", "unnamed",
    "value_implausible", "value_not_whole",
}  # fmt: skip

#: Story patients against LMS03: each status, each for the reason its story tells.
LMS03 = {
    "P-0001": "not_eligible", "P-0002": "potentially_eligible", "P-0003": "needs_information",
    "P-0004": "needs_information", "P-0005": "not_now", "P-0006": "not_eligible", "P-0007": "not_eligible",
    "P-0008": "not_now", "P-0010": "potentially_eligible", "P-0011": "potentially_eligible",
    "P-0014": "needs_information", "P-0015": "needs_information", "P-0021": "needs_information", "P-0022": "not_now",
    "P-0023": "needs_information",
}  # fmt: skip


@pytest.mark.django_db
def test_the_import_finds_the_dirt_and_lms03_the_stories(tmp_path: Path) -> None:
    today = timezone.now().date()
    registry = actions.create_registry(name="demo", by=None, preset=Preset.CLINIC)

    def imported(day: date) -> Upload:
        write(tmp_path, today=day)
        return run_import(actions.start_import(registry=registry, by=None, path=tmp_path, mode="snapshot").pk)

    imported(today - timedelta(days=40))
    upload = imported(today)
    assert upload.state == Upload.State.APPLIED
    found = upload.problems.exclude(severity="note")
    assert set(found.values_list("code", flat=True)) == PROBLEMS
    assert upload.rejected == found.filter(rejected=True).count() == 7

    document = read_document((LIBRARY / "trials" / "LMS03.yaml").read_text(encoding="utf-8"))
    assert isinstance(document, TrialDocument)
    results = {record.patient_id: evaluate_trial(document, record, as_of=today) for record in patient_records(registry)}
    assert {id: result.status.value for id, result in results.items() if id in LMS03} == LMS03
    assert [entry.text for entry in results["P-0003"].best.missing] == ["ECOG performance status within 60 days"]
    assert results["P-0012"].deceased and results["P-0013"].deceased
    counts = Counter(result.status.value for result in results.values() if not result.deceased)
    assert counts["potentially_eligible"] >= 5
    assert min(counts.values()) >= 5 and len(counts) == 4
    assert not any(result.offered for result in results.values())

    # The tutorial says that a coordinator's answers settle P-0002 for the trial that takes patients.
    other = read_document((LIBRARY / "trials" / "NCT02275286.yaml").read_text(encoding="utf-8"))
    assert isinstance(other, TrialDocument)
    (her,) = (record for record in patient_records(registry) if record.patient_id == "P-0002")
    said = tuple(
        Answer(id=f"answer {criterion}", document=other.id, version=1, criterion=criterion, truth=met, on=today)
        for patient_id, trial, criterion, met in ANSWERED if (patient_id, trial) == ("P-0002", other.id)
    )  # fmt: skip
    for answers, status in (((), "needs_information"), (said, "potentially_eligible")):
        result = evaluate_trial(other, replace(her, answers=answers), as_of=today, version=1)
        assert (result.status.value, result.offered) == (status, True)

    again = imported(today)
    assert (again.new, again.changed, again.withdrawn, again.patients_new) == (0, 0, 0, 0)
    # Moving the registry on by forty days leaves nothing behind, except for whom a row was rejected: what is absent
    # from their files may be what the rejected row says.
    written = Counter(row["patient_id"] for row in TABLES["observations"])
    kept = Counter(
        ObservationFact.objects.filter(withdrawn_at__isnull=True).values_list("patient__patient_id", flat=True)
    )
    assert {id for id, count in kept.items() if count > written[id]} == {"P-0107", "P-0114", "P-0121"}
