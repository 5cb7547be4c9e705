"""The library carries every statement of the two leiomyosarcoma sources: once, as one kind, with its rule and figures.

The expected ids and figures are written out here, apart from the documents, so that a statement cannot vanish or change
a number unnoticed; the page in docs is compared with what the library makes of it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from trials.criteria import tree
from trials.criteria.documents import OptionDocument, TrialDocument, read_document, read_statements
from trials.criteria.parser import parse, parse_definition

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "trials" / "library"
PARTIAL = (
    "JCOG1802",
    "NCT01343277",
    "NCT01532687",
    "NCT01900743",
    "NCT02997358",
    "NCT03880019",
    "NCT04383119",
)
STRENGTHS = (
    "highest priority",
    "preferred",
    "option",
    "alternative",
    "consider",
    "trial only",
    "less preferred",
)

KINDS = {
    "stance": "SR-01 SR-02 SR-03 SR-04 SR-19 SR-20 SR-23 SR-25 SR-28 SR-29 SR-30 SR-31 SR-33",
    "modifier": "SR-24 SR-26",
    "must_not_use": "SR-32",
    "caution": "SR-13 SR-15 SR-16 SR-17 SR-17b",
    "dose": "SR-08 SR-09 SR-10 LMS03-T",
    "monitoring": "SR-11 SR-14",
    "evidence": "SR-07 SR-12 SR-18 SR-21 SR-22 SR-27 SR-34",
    "regulatory": "SR-05 SR-06 LMS03-ID",
    "result": "LMS03-R",
}
#: Statements that hold for whoever the option is considered for: no rule, truth null.
WITHOUT_RULE = {"SR-01", "SR-08", "SR-09", "SR-11", "SR-14", "SR-22"}
STRENGTH = {
    "SR-01": "highest priority",
    "SR-02": "preferred",
    "SR-03": "preferred",
    "SR-04": "preferred",
    "SR-19": "alternative",
    "SR-20": "option",
    "SR-23": "consider",
    "SR-25": "less preferred",
    "SR-28": "consider",
    "SR-29": "trial only",
    "SR-30": "trial only",
    "SR-31": "trial only",
    "SR-33": "option",
}
FIGURES: dict[str, dict[str, Any]] = {
    "SR-08": {"dose": 1.5, "unit": "mg/m2", "infusion_h": 24, "interval_weeks": 3},
    "SR-09": {"drug": "dexamethasone", "dose": 20, "unit": "mg"},
    "SR-10": {"levels_mg_m2": [1.2, 1.0]},
    "SR-11": {"g34_neutropenia_pct": 80, "g34_thrombocytopenia_pct": 47, "g34_anemia_pct": 31},
    "SR-13": {"exposure_increase_pct": 97},
    "SR-15": {"exposure_increase_pct": 66},
    "SR-17": {"exposure_decrease_pct": 31},
    "SR-18": {"os_months": [33, 24], "hr": 0.65, "ci95": [0.44, 0.95], "year": 2024},
    "SR-25": {"dose_g_m2_cycle": [12, 14]},
    "SR-28": {"dfi_years_min": 1, "lesions": [3, 5]},
    "SR-32": {"pfs9_pct": 32.1},
    "LMS03-T": {
        "gemcitabine_mg_m2": 1000,
        "days": [1, 8],
        "cycle_days": 21,
        "max_cycles": 8,
        "pazopanib_mg_daily": 800,
        "median_months_combination": 3.8,
        "median_months_pazopanib": 4.2,
    },
    "LMS03-R": {
        "n": 106,
        "mean_age": 59.8,
        "ecog0_pct": 63.5,
        "uterus_pct": 61,
        "unacceptable_pct": 32,
        "promising_pct": 44,
        "pfs9_pct": 32.1,
        "pfs9_ci95": [23.1, 41.1],
        "median_followup_mo": 14.2,
        "pfs_mo": 6.5,
        "pfs_ci95": [5.6, 8.2],
        "os_mo": 22.4,
        "os_ci95": [16.9, 26.5],
        "best_response_pct": 23.8,
    },
    "LMS03-ID": {"nct": "NCT01442662", "eudract": "2011-001308-36"},
}
CONFLICTS = {
    "C1": {"SR-05", "SR-06"},
    "C2": {"SR-13"},
    "C3": {"SR-11"},
    "C4": {"SR-18"},
    "C5": {"SR-15", "SR-16", "SR-17", "SR-17b"},
    "C6": {"SR-32"},
    "C7": {"SR-28"},
    "C8": {"SR-29"},
    "C9": {"SR-20"},
    "C10": {"LMS03-E2"},
    "C11": {"SR-26"},
    "C12": {"SR-02"},
    "C13": {"SR-27"},
}


def load_table_builder() -> ModuleType:
    """The script that makes the page; docs is no package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("build_options_table", ROOT / "docs" / "build_options_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BUILDER = load_table_builder()
ROWS = {row.id: row for row in BUILDER.rows()}
OPTIONS = {path.stem: BUILDER.read(path) for path in sorted((LIBRARY / "options").glob("*.yaml"))}
STATEMENTS = {id: row.statement for id, row in ROWS.items()}


def trial(id: str) -> dict[str, Any]:
    """A trial document of the library."""
    found: dict[str, Any] = BUILDER.read(LIBRARY / "trials" / f"{id}.yaml")
    return found


def shared() -> dict[str, Any]:
    """The statements that options include, as the documents' reader makes them."""
    files = sorted((LIBRARY / "statements").glob("*.yaml"))
    return dict(read_statements({path.name: path.read_text(encoding="utf-8") for path in files}))


def statements_of(option: dict[str, Any]) -> list[dict[str, Any]]:
    """An option's statements, the included ones in their places."""
    return [STATEMENTS[each["include"]] if "include" in each else each for each in option["statements"]]


@pytest.mark.parametrize("name", OPTIONS)
def test_option_documents_are_read_without_a_defect(name: str) -> None:
    text = (LIBRARY / "options" / f"{name}.yaml").read_text(encoding="utf-8")
    document = read_document(text, file=f"{name}.yaml", shared_statements=shared())
    assert isinstance(document, OptionDocument)
    assert [each.id for each in document.statements] == [each["id"] for each in statements_of(OPTIONS[name])]


@pytest.mark.parametrize("id", ("LMS03", *PARTIAL))
def test_trial_documents_are_read_without_a_defect_and_are_not_offered(id: str) -> None:
    text = (LIBRARY / "trials" / f"{id}.yaml").read_text(encoding="utf-8")
    document = read_document(text, file=f"{id}.yaml")
    assert isinstance(document, TrialDocument)
    assert not document.offered


def test_every_statement_of_the_sources_is_there_and_no_other() -> None:
    expected = {f"SR-{number:02}" for number in range(1, 35)} | {"SR-17b"}
    expected |= {f"LMS03-{part}" for part in ("E1", "E2", "E3", "T", "R", "ID")}
    assert set(ROWS) == expected


def test_every_id_is_defined_once() -> None:
    defined = Counter(path.stem for path in (LIBRARY / "statements").glob("*.yaml"))
    for option in OPTIONS.values():
        defined.update(each["id"] for each in option["statements"] if "id" in each)
    assert {id: times for id, times in defined.items() if times != 1} == {}


def test_an_id_defined_twice_is_refused(tmp_path: Path) -> None:
    for folder in ("statements", "options", "trials"):
        (tmp_path / folder).mkdir()
    for name in ("SR-27", "again"):
        (tmp_path / "statements" / f"{name}.yaml").write_text("{id: SR-27, kind: evidence}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"SR-27 is defined in statements/SR-27\.yaml and again in statements/again"):
        BUILDER.rows(tmp_path)


@pytest.mark.parametrize(("kind", "ids"), KINDS.items(), ids=KINDS)
def test_each_statement_is_of_one_kind(kind: str, ids: str) -> None:
    assert {id for id, each in STATEMENTS.items() if each.get("kind") == kind} == set(ids.split())


def test_only_stances_have_a_strength_and_only_modifiers_a_step() -> None:
    assert {id: each["strength"] for id, each in STATEMENTS.items() if "strength" in each} == STRENGTH
    assert set(STRENGTH.values()) == set(STRENGTHS)
    assert {id: each["step"] for id, each in STATEMENTS.items() if "step" in each} == {"SR-24": "up", "SR-26": "down"}


def test_statements_without_a_rule_are_those_that_need_none() -> None:
    assert {id for id, each in STATEMENTS.items() if id.startswith("SR") and "rule" not in each} == WITHOUT_RULE
    assert {id for id, each in STATEMENTS.items() if "reads" in each} == {"SR-01"}


@pytest.mark.parametrize("name", OPTIONS)
def test_rules_parse_and_use_only_names_that_the_option_defines(name: str) -> None:
    option = OPTIONS[name]
    definitions = [parse_definition(text) for text in option.get("definitions", ())]
    defined = {each.name for each in definitions if isinstance(each, tree.DefineRule)}
    rules = [parse(each["rule"]) for each in statements_of(option) if "rule" in each]
    used = {node.name for rule in rules for node in tree.walk(rule) if isinstance(node, tree.Named)}
    assert used == defined


@pytest.mark.parametrize("id", [id for id, row in ROWS.items() if "rule" in row.statement])
def test_no_rule_is_only_a_question(id: str) -> None:
    leaves = list(tree.leaves(parse(STATEMENTS[id]["rule"])))
    assert any(not isinstance(leaf, tree.Ask) for leaf in leaves)


@pytest.mark.parametrize(("id", "figures"), FIGURES.items(), ids=FIGURES)
def test_figures_are_those_of_the_source(id: str, figures: dict[str, Any]) -> None:
    assert {name: ROWS[id].figures.get(name) for name in figures} == figures


def test_disagreements_are_shown_with_where_they_come_from() -> None:
    shown: dict[str, set[str]] = {}
    for id, each in STATEMENTS.items():
        if other := each.get("disagrees"):
            shown.setdefault(other["conflict"], set()).add(id)
            assert other["text"] and other["with"] and other["source"], id
    assert shown == CONFLICTS


@pytest.mark.parametrize("name", OPTIONS)
def test_citations_name_a_source_of_the_document(name: str) -> None:
    option = OPTIONS[name]
    known = {each["id"] for each in option["citations"]}
    cited = [each["citation"] for each in statements_of(option)]
    assert {each["source"] for each in cited} | {also for each in cited for also in each.get("also", {})} <= known
    assert all(each["sentences"] for each in cited)


def test_low_dose_radiotherapy_inherits_every_caution_of_trabectedin() -> None:
    def cautions(name: str) -> set[str]:
        return {each["id"] for each in statements_of(OPTIONS[name]) if each["kind"] in ("caution", "monitoring")}

    assert cautions("trabectedin") == {"SR-11", "SR-13", "SR-14", "SR-15", "SR-16", "SR-17", "SR-17b"}
    assert cautions("trabectedin_low_dose_radiotherapy") == cautions("trabectedin")


def test_shared_statements_stand_where_the_source_puts_them() -> None:
    assert set(ROWS["SR-33"].options) == {"gemcitabine", "trabectedin", "pazopanib"}
    trial_options = {"clinical_trial", "ntrk_inhibitor", "immune_checkpoint_inhibitor", "parp_inhibitor"}
    assert set(ROWS["SR-27"].options) == set(OPTIONS) - trial_options - {"gemcitabine_pazopanib"}


def test_cautions_about_another_medicine_say_what_to_do() -> None:
    assert all(STATEMENTS[id]["action"] for id in ("SR-15", "SR-16", "SR-17", "SR-17b"))


def test_lms03_is_three_criteria_and_a_note_and_never_offered() -> None:
    lms03 = trial("LMS03")
    assert [each["id"] for each in lms03["criteria"] if "rule" in each] == ["LMS03-E1", "LMS03-E2", "LMS03-E3"]
    assert [each["id"] for each in lms03["criteria"] if "note" in each] == ["LMS03-N1"]
    assert len(lms03["criteria"]) == 4
    assert (lms03["recruitment"], lms03["negative"], lms03["never_offer"]) == ("completed", True, True)
    assert lms03["never_offer_reason"]
    assert lms03["nct"] == "NCT01442662"
    assert "EudraCT 2011-001308-36" in lms03["other_ids"]


def test_lms03_prior_therapy_is_the_rule_of_the_semantics() -> None:
    expected = (
        "(has treatment(doxorubicin, outcome: failure) and count line(systemic, setting: advanced) = 1) or "
        "(count line(systemic, setting: advanced) = 0 and has treatment(doxorubicin, setting: perioperative) and "
        'ask "does failure after perioperative doxorubicin count?")'
    )
    assert parse(STATEMENTS["LMS03-E3"]["rule"]) == parse(expected)


@pytest.mark.parametrize("id", PARTIAL)
def test_partial_trials_end_with_what_is_missing(id: str) -> None:
    last = trial(id)["criteria"][-1]
    assert "rest of the protocol is not available" in last["text"]
    assert last["not_structured"]


@pytest.mark.parametrize("id", ("LMS03", *PARTIAL))
def test_trial_documents_hold_together(id: str) -> None:
    document = trial(id)
    assert document["author"] != document["reviewer"]
    ids = [each["id"] for each in document["criteria"]]
    assert len(set(ids)) == len(ids)
    for each in document["criteria"]:
        assert len({"rule", "confirm", "note", "not_structured"} & set(each)) == 1, each["id"]
        if "rule" in each:
            parse(each["rule"])
    for text in document.get("definitions", ()):
        parse_definition(text)
    mapped = document.get("source_map", [])
    assert [each["line"] for each in mapped] == list(range(1, len(mapped) + 1))
    assert {to for each in mapped for to in each["to"]} <= set(ids)
    assert all(isinstance(each["sha"], str) and len(each["sha"]) == 8 for each in mapped)


@pytest.mark.parametrize(
    ("trial_id", "criterion", "words"),
    [
        ("NCT01900743", "I10", "at most three months"),
        ("NCT01343277", "I8", "1,500 per litre"),
        ("NCT01343277", "I9", "Liver values"),
    ],
)
def test_slips_of_a_registry_are_kept_as_read_and_made_no_rule(trial_id: str, criterion: str, words: str) -> None:
    found = next(each for each in trial(trial_id)["criteria"] if each["id"] == criterion)
    assert words in found["text"]
    assert "rule" not in found and found["not_structured"]


@pytest.mark.parametrize("id", ("LMS03", *PARTIAL))
def test_each_trial_has_a_patient_for_every_status_it_can_give(id: str) -> None:
    expected = {"needs_information", "not_now", "not_eligible"}
    if id == "LMS03":
        expected.add("potentially_eligible")  # no other of these has only rules
    assert {each["expect"]["status"] for each in trial(id)["test_patients"]} == expected


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_has_a_patient_for_every_block_it_can_give(name: str) -> None:
    kinds = {each["kind"] for each in statements_of(OPTIONS[name])}
    stances = [each for each in statements_of(OPTIONS[name]) if each["kind"] == "stance" and "rule" in each]
    expected = {"does_not_apply"}
    if stances:
        expected |= {"applies", "could_apply"}
    if "must_not_use" in kinds:
        expected |= {"must_not_use"}
    assert {each["expect"]["block"] for each in OPTIONS[name]["test_patients"]} == expected


def test_the_page_in_docs_is_what_the_library_says() -> None:
    page = (ROOT / "docs" / "options-table.md").read_text(encoding="utf-8")
    assert page == BUILDER.table(), "run `make docs`"
    assert all(f"| `{id}` |" in page for id in ROWS)


def test_a_document_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(["a list"]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.yaml holds no document"):
        BUILDER.read(path)
