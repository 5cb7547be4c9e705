"""The commands as a person and a program use them: what they print, in which shape, and how they fail."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from matcher import runs
from matcher.management import arguments
from matcher.models import MatchRun
from patients.models import AuditEvent, Registry
from tests.shelf import DENIED, EXPECTED, FILES, OPTION, STATEMENT, TRIAL, centre, published, uploaded
from trials import actions
from trials.models import Version

pytestmark = pytest.mark.django_db

DAY = "2026-01-15"


@pytest.fixture(autouse=True)
def a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of one width, whatever runs the tests: longer texts are wrapped to it."""
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def registry(settings: Any, tmp_path: Any) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture
def shelf() -> Version:
    actions.save_statement(text=STATEMENT, by=None, author_name="library author")
    published(OPTION)
    return published()


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def data(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--format", "json"))


# --- load_library ---


def test_load_library_prints_a_line_per_document(tmp_path: Path) -> None:
    (tmp_path / "FIRST.yaml").write_text(TRIAL)
    told = said("load_library", str(tmp_path))
    assert told.splitlines()[0].split() == ["published", "trial", "FIRST", "version", "1"]
    assert "1 documents: 1 published, 0 unchanged, 0 failed" in told
    assert data("load_library", str(tmp_path))["documents"] == [
        {
            "id": "FIRST", "kind": "trial", "file": "FIRST.yaml", "outcome": "unchanged", "version": 1, "problems": [],
            "warnings": [],
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.yaml": TRIAL.replace("E1: not_met", "E1: met")}, "1 of 1 documents could not be published"),
        ({"a.txt": TRIAL}, "holds no YAML file"),
    ],
    ids=["a document that fails", "no document"],
)
def test_load_library_fails_where_anything_does(tmp_path: Path, files: dict[str, str], told: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CommandError, match=told):
        said("load_library", str(tmp_path))


# --- match ---


def test_match_prints_the_agreed_object(registry: Registry, shelf: Version) -> None:
    found = data("match", "--registry", "centre", "--as-of", DAY)
    run = MatchRun.objects.get()
    assert (found["as_of"], found["run"], found["known_at"]) == (DAY, run.pk, run.known_at.isoformat())
    assert [(each["id"], each["version"], each["counts"]) for each in found["trials"]] == [
        (
            "FIRST",
            1,
            {"potentially_eligible": 1, "needs_information": 1, "not_now": 1, "not_eligible": 1, "deceased": 1},
        )
    ]
    rows = {row["patient_id"]: row for row in found["matches"]}
    assert {patient: row["status"] for patient, row in rows.items()} == {
        patient: status for patient, status in EXPECTED.items() if status != "not_eligible"
    }
    assert rows["P-2"] == {
        "registry": "centre", "patient_id": "P-2", "trial": "FIRST", "version": 1, "as_of": DAY,
        "status": "needs_information", "offered": True, "cohort": None, "cohorts": [], "needs": "facts",
        "missing": [
            {
                "kind": "observation", "concepts": ["ecog"], "attribute": "", "window": "within 60 days",
                "text": "ECOG performance status within 60 days", "criteria": ["I2"], "settles": True,
            }
        ],
        "to_read": [], "clears_on": None,
    }  # fmt: skip
    assert rows["P-5"]["clears_on"] == "2026-02-06"


def test_match_all_adds_who_is_ruled_out(registry: Registry, shelf: Version) -> None:
    found = data("match", "--as-of", DAY, "--all")
    assert {row["patient_id"]: row["status"] for row in found["matches"]} == EXPECTED


def test_match_takes_a_trial_by_any_of_its_names(registry: Registry, shelf: Version) -> None:
    published(TRIAL.replace("FIRST", "SECOND").replace("00001", "00002").replace("2020-", "2021-"))
    assert [each["id"] for each in data("match", "--trial", "nct00000001")["trials"]] == ["FIRST"]
    assert [each["id"] for each in data("match", "--trial", "first-lms", "SECOND")["trials"]] == ["FIRST", "SECOND"]
    assert len(data("match")["trials"]) == 2


def test_match_over_two_registries_names_each(
    registry: Registry, shelf: Version, settings: Any, tmp_path: Path
) -> None:
    centre(settings, tmp_path, name="other")
    found = data("match", "--as-of", DAY)
    assert len(found["run"]) == 2
    assert found["trials"][0]["counts"]["potentially_eligible"] == 2
    assert {row["registry"] for row in found["matches"]} == {"centre", "other"}


def test_match_as_of_data_through_says_who_has_none(registry: Registry, shelf: Version) -> None:
    found = data("match", "--as-of", "data-through")
    assert (found["as_of"], found["undated"]) == ("data-through", 1)
    assert {row["as_of"] for row in found["matches"] if row["patient_id"] == "P-1"} == {"2026-01-10"}
    assert "1 without a data_through" in said("match", "--as-of", "data-through")


def test_match_prints_a_table_of_counts_and_matches(registry: Registry, shelf: Version) -> None:
    told = said("match", "--as-of", DAY)
    assert "centre: 5 patients, as of 15 January 2026" in told
    assert "P-2      FIRST  needs information     yes      facts  ECOG performance status within 60 days" in told
    assert "clears on 6 Feb 2026" in told


def test_match_prints_csv_that_no_spreadsheet_runs(settings: Any, tmp_path: Path, shelf: Version) -> None:
    files = {name: content.replace("P-1,", "=P-1,") for name, content in FILES.items()}
    centre(settings, tmp_path, files=files)
    rows = list(csv.DictReader(io.StringIO(said("match", "--as-of", DAY, "--format", "csv"))))
    assert {row["patient_id"] for row in rows} == {"'=P-1", "P-2", "P-5"}
    assert rows[0].keys() >= {"registry", "trial", "status", "offered", "missing", "clears_on"}


def test_match_can_leave_the_work_to_the_workers(registry: Registry, shelf: Version) -> None:
    assert "waits for a worker: 1 shards" in said("match", "--queue")
    assert MatchRun.objects.get().state == "pending"


def test_what_is_printed_of_patients_is_audited(registry: Registry, shelf: Version) -> None:
    said("match", "--as-of", DAY)
    said("explain", "centre", "P-1")
    said("evaluate", "age >= 18")
    assert list(
        AuditEvent.objects.filter(action__in=["matches printed", "patient viewed", "rule evaluated"])
        .order_by("number")
        .values_list("action", flat=True)
    ) == ["matches printed", "patient viewed", "rule evaluated"]


# --- explain ---


def test_explain_prints_the_agreed_object(registry: Registry, shelf: Version) -> None:
    found = data("explain", "centre", "P-2", "--as-of", DAY)
    assert (found["registry"], found["patient_id"], found["as_of"], found["deceased"]) == ("centre", "P-2", DAY, False)
    (trial,) = found["trials"]
    assert trial.keys() >= {"version", "offered", "clears_on", "needs", "missing", "to_read", "cohorts"}
    assert (trial["id"], trial["status"], trial["needs"]) == ("FIRST", "needs_information", "facts")
    truths = {each["id"]: (each["kind"], each["truth"], each["reason"]) for each in trial["criteria"]}
    assert truths == {
        "I1": ("rule", "met", None),
        "I2": ("rule", "unknown", "not recorded"),
        "E1": ("rule", "met", None),
        "C1": ("confirm", None, None),
    }
    first = trial["criteria"][0]
    assert first.keys() >= {"text", "polarity", "cohorts", "rule", "change", "clears_on", "leaves"}
    assert first["evidence"][0].keys() == {"fact", "value", "unit", "date", "source"}
    (option,) = found["options"]
    assert (option["id"], option["name"], option["rank"], option["block"]) == (
        "remedy", "A made-up remedy", 1, "applies",
    )  # fmt: skip
    stance, dose = option["statements"]
    assert (stance["id"], stance["kind"], stance["strength"], stance["truth"]) == ("S-1", "stance", "preferred", "met")
    assert stance["citation"]["figures"] == {"n": 12}
    assert (dose["id"], dose["truth"]) == ("S-2", None)


def test_explain_reads_as_a_coordinator_reads_it(registry: Registry, shelf: Version) -> None:
    lines = said("explain", "centre", "P-2", "--trial", "FIRST-LMS", "--as-of", DAY).splitlines()
    assert lines[0] == "P-2 against FIRST (NCT00000001), version 1, as of 15 January 2026"
    assert lines[1] == "NEEDS INFORMATION: 1 fact would settle it: ECOG performance status within 60 days"
    text = "\n".join(lines)
    for words in ("✓  met", "?  not recorded", "·  at the visit", "1 Feb 2024", "conditions.csv row 3"):
        assert words in text
    assert "remedy" not in text


@pytest.mark.parametrize(
    ("patient", "told"),
    [
        ("P-1", "POTENTIALLY ELIGIBLE: every criterion that facts can settle is met; the investigator decides"),
        ("P-3", "NOT ELIGIBLE: I1 not met, which cannot change"),
        ("P-4", "NOT ELIGIBLE: deceased"),
        ("P-5", "NOT NOW: E1 cleared by 6 February 2026 by time alone"),
    ],
)
def test_the_headline_says_what_it_hangs_on(registry: Registry, shelf: Version, patient: str, told: str) -> None:
    assert told in said("explain", "centre", patient, "--trial", "FIRST", "--as-of", DAY)


def test_explain_says_that_a_patient_is_called_alive_and_dead(registry: Registry, shelf: Version) -> None:
    assert data("explain", "centre", "P-1", "--as-of", DAY)["vital_conflict"] is False
    uploaded(registry, {"patients": DENIED.format(id="P-1")})
    doubt = "ALIVE OR DEAD? The record says both that the patient lives and that they died (3 Jan 2026)."
    for how in ((), ("--trial", "FIRST")):
        told = " ".join(said("explain", "centre", "P-1", "--as-of", DAY, *how).split())
        assert told.count(doubt) == 1
        assert "NEEDS INFORMATION: 1 fact would settle it: vital status: alive or dead?" in told
    found = data("explain", "centre", "P-1", "--as-of", DAY)
    (trial,) = found["trials"]
    assert (found["deceased"], found["vital_conflict"]) == (False, True)
    assert (trial["status"], trial["needs"]) == ("needs_information", "facts")
    assert trial["missing"] == [
        {"kind": "patient", "concepts": [], "attribute": "vital_status", "window": "",
         "text": "vital status: alive or dead?", "criteria": [], "settles": True},
    ]  # fmt: skip
    before = data("explain", "centre", "P-1", "--as-of", "2026-01-02")
    # The performance status is of 5 January.
    asked = [each["text"] for each in before["trials"][0]["missing"]]
    assert (before["vital_conflict"], asked) == (False, ["ECOG performance status within 60 days"])


def test_explain_puts_what_must_not_be_used_on_top_and_lists_closed_trials(registry: Registry, shelf: Version) -> None:
    forbidden = OPTION.replace("id: remedy", "id: poison").replace("A made-up remedy", "A made-up poison")
    forbidden = forbidden.replace("kind: stance, strength: preferred", "kind: must_not_use").replace(
        "block: applies, strength: preferred", "block: must_not_use"
    )
    published(forbidden)
    actions.set_open_here(document=shelf.document, open_here=False, by=None, reason="no slots")
    told = said("explain", "centre", "P-1", "--as-of", DAY)
    assert told.index("MUST NOT BE USED") < told.index("A made-up poison") < told.index("APPLY, RANKED")
    assert "not open here: not offered" in told
    assert [each["id"] for each in data("explain", "centre", "P-1")["options"]] == ["poison", "remedy"]


def test_explain_says_a_value_with_its_unit_once_and_a_drug_by_its_concept(registry: Registry, shelf: Version) -> None:
    rows = "patient_id,treatment,kind,start_date,end_date\nP-1,Adriamycin,drug,2026-01-02,2026-01-09\n"
    uploaded(registry, {"treatments": rows})
    told = " ".join(said("explain", "centre", "P-1", "--trial", "FIRST", "--as-of", DAY).split())
    assert "ECOG performance status: 1, 5 Jan 2026" in told
    assert "doxorubicin (Adriamycin), 2 Jan 2026 to 9 Jan 2026" in told
    assert "clears on 7 Feb 2026 by time alone" in told


HOLDING = """\
  - {id: S-9, kind: evidence, text: Seen in the uterus too., rule: has diagnosis(leiomyosarcoma),
     citation: {source: B}}
test_patients:"""


def test_explain_tells_every_statement_that_holds_once(registry: Registry, shelf: Version) -> None:
    more = OPTION.replace("id: remedy", "id: another").replace("test_patients:", HOLDING)
    published(more)
    idle = more.replace("id: another", "id: idle").replace("S-1", "S-8").replace("S-9", "S-10")
    idle = idle.replace(
        "For leiomyosarcoma., rule: has diagnosis(leiomyosarcoma)", "No., rule: not has diagnosis(leiomyosarcoma)"
    )
    published(
        idle.replace(
            "{block: applies, strength: preferred, statements: {S-8: met}}",
            "{block: does_not_apply, statements: {S-10: met}}",
        )
    )
    told = said("explain", "centre", "P-1", "--as-of", DAY)
    assert told.count("✓ S-9 evidence: Seen in the uterus too.") == 1
    # Two options share a statement: it is told in full once, with what it rests on.
    assert told.count("✓ S-1 stance: For leiomyosarcoma.") == 1
    number = registry.uploads.get().pk
    assert f"because: leiomyosarcoma, 1 Feb 2023 (upload {number}, conditions.csv row 2)" in told
    assert "as above: S-1 (stance)" in told
    # What holds is told of an option that does not apply as well.
    assert told.index("DO NOT APPLY") < told.index("✓ S-10 evidence")


def test_explain_as_of_data_through(registry: Registry, shelf: Version) -> None:
    assert data("explain", "centre", "P-1", "--as-of", "data-through")["as_of"] == "2026-01-10"


# --- evaluate ---


def test_evaluate_prints_the_agreed_object(registry: Registry) -> None:
    found = data("evaluate", "has  diagnosis( leiomyosarcoma )", "--registry", "centre", "--as-of", DAY)
    assert found["rule"] == "has diagnosis(leiomyosarcoma)"
    assert found["english"] == "has a diagnosis of leiomyosarcoma"
    assert (found["as_of"], found["counts"]) == (DAY, {"met": 4, "unknown": 0, "not_met": 1})
    truths = {row["patient_id"]: (row["truth"], row["reason"]) for row in found["patients"]}
    assert truths == {
        "P-1": ("met", None), "P-2": ("met", None), "P-3": ("not_met", None), "P-4": ("met", None),
        "P-5": ("met", None),
    }  # fmt: skip


def test_evaluate_prints_english_counts_and_each_patient(registry: Registry) -> None:
    told = said("evaluate", "ecog <= 1", "--as-of", DAY).splitlines()
    assert told[0].startswith("ECOG performance status")
    assert "3 met, 2 unknown, 0 not met" in told
    assert any(line.split()[:4] == ["P-2", "unknown", "not", "recorded"] for line in told)


# --- Failing ---


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evaluate", "ecog <= 2 within 14 dayz"), "line 1, column 21.*expected a unit of time"),
        (("evaluate", "has diagnosis(leiomyosarkoma)"), "did you mean 'leiomyosarcoma'"),
        (("evaluate", "ecog <= 12 mg"), "ecog"),
        (("evaluate", "age >= 18", "--registry", "center"), "no registry 'center'; there is centre"),
        (("evaluate", "age >= 18", "--as-of", "soon"), "'soon' is no date"),
        (("match", "--trial", "FRIST"), "no trial 'FRIST'; near: FIRST"),
        (("match", "--trial", "remedy"), "no trial 'remedy'"),
        (("match", "--wait"), "goes with --queue"),
        (("explain", "centre", "P-99"), "centre has no patient of this id"),
        (("explain", "center", "P-1"), "no registry 'center'"),
        (("explain", "centre", "P-1", "--trial", "nothing"), "no trial 'nothing'"),
    ],
)
def test_what_is_not_there_is_said_plainly(
    registry: Registry, shelf: Version, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(CommandError, match=told) as error:
        said(*arguments)
    assert "P-99" not in str(error.value)


@pytest.mark.parametrize("command", ["match", "evaluate"])
def test_without_a_registry_a_command_says_how_to_get_one(command: str) -> None:
    with pytest.raises(CommandError, match="import one with import_registry NAME PATH"):
        said(command, *(["age >= 18"] if command == "evaluate" else []))


def test_without_a_trial_match_says_how_to_get_one(registry: Registry) -> None:
    with pytest.raises(CommandError, match="load_library"):
        said("match")


def test_a_run_that_errors_fails_the_command(
    registry: Registry, shelf: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matcher.runs import working

    def faulty(shard: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(working, "_evaluate", faulty)
    with pytest.raises(CommandError, match="a fault of the system"):
        said("match")


def test_match_helps_the_run_under_way_and_then_does_its_own(registry: Registry, shelf: Version) -> None:
    before = runs.start_run(registry=registry, by=None, queue=False)
    found = data("match")
    before.refresh_from_db()
    assert (before.state, found["run"] > before.pk) == ("finished", True)
    assert sum(found["trials"][0]["counts"].values()) == 5
    other = runs.start_run(registry=registry, by=None, queue=False)
    assert data("match", "--queue")["run"] == other.pk, "what is under way is what was wanted"


def test_match_keeps_the_answers_of_another_date_up_to_date(registry: Registry, shelf: Version) -> None:
    run = MatchRun.objects.get(pk=data("match", "--as-of", "data-through", "--keep")["run"])
    assert (run.kind, run.as_of_kind) == ("standing", "data-through")
    assert MatchRun.objects.get(pk=data("match")["run"]).kind == "asked"
    with pytest.raises(CommandError, match="every trial"):
        said("match", "--as-of", DAY, "--keep")


class Screen(io.StringIO):
    """A terminal that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(arguments.time, "monotonic", lambda: next(clock))
    screen, silent = Screen(), io.StringIO()
    arguments.Progress("run 7:", file=screen)(250, 1000)
    assert screen.getvalue().endswith("run 7: ██████░░░░░░░░░░░░░░░░░░ 250 of 1,000 patients, 25 a second, 0:30 left")
    monkeypatch.undo()
    arguments.Progress("run 7:", file=silent)(250, 1000)
    assert silent.getvalue() == ""
