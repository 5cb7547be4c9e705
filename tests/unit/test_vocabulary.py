"""The vocabulary against the traps a domain user tries first: the right patients found, the wrong ones not.

Each table holds cases as a user would state them: a name as registries write it and what it means, two concepts and how
they stand to each other, a value in a foreign unit and what it is in the test's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patients.vocabulary import (
    Concept,
    Domain,
    Relation,
    UnknownConcept,
    UnknownTest,
    Vocabulary,
    check,
    default,
    load_oncotree,
)
from patients.vocabulary.oncotree import OncoTreeError
from patients.vocabulary.tables import FOLDER, TABLES, rows

BELOW, ABOVE, OVERLAPS, DISJOINT = Relation.BELOW, Relation.ABOVE, Relation.OVERLAPS, Relation.DISJOINT


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return default()


# The tables


def test_the_tables_are_sound() -> None:
    assert [str(problem) for problem in check()] == []


@pytest.mark.parametrize(
    ("domain", "least"),
    [
        (Domain.CANCER, 300),
        (Domain.SITE, 100),
        (Domain.CONDITION, 250),
        (Domain.DRUG, 700),
        (Domain.PROCEDURE, 80),
        (Domain.GENE, 150),
        (Domain.TEST, 100),
        (Domain.ASSAY, 15),
    ],
)
def test_breadth(words: Vocabulary, domain: Domain, least: int) -> None:
    assert len(list(words.concepts(domain))) >= least


def test_a_drug_is_in_some_class_and_a_class_is_not_in_the_table_of_drugs(words: Vocabulary) -> None:
    classes = {row["id"] for row in rows("drug_classes")}
    drugs = {row["id"] for row in rows("drugs")}
    assert classes.isdisjoint(drugs)
    assert [row["id"] for row in rows("drugs") if not set(row["parents"].split("|")) <= classes | drugs] == []


def test_no_other_language_of_codes_than_those_with_a_notice() -> None:
    systems = {
        code.partition(":")[0]
        for table in TABLES
        for row in rows(table)
        for code in row.get("codes", "").split("|")
        if code
    }
    assert systems == {"ICD-10", "ICD-O-3", "NCIT", "ONCOTREE", "DOID", "RXNORM", "LOINC", "HGNC"}
    for notice in ("LOINC", "NLM", "HGNC", "CODES"):
        assert (FOLDER / f"NOTICE-{notice}.txt").read_text(encoding="utf-8").strip()


def test_loads_equally_in_a_new_process() -> None:
    program = "from patients.vocabulary import default; print(default().release)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=FOLDER.parent.parent
    )
    assert done.stdout.split() == [default().release]


def test_the_reader_needs_no_django() -> None:
    program = "import sys; import patients.vocabulary as v; v.default(); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=FOLDER.parent.parent).returncode == 0


# Names


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("adriamycin", ("doxorubicin",)),
        ("DOXORUBICIN HYDROCHLORIDE", ("doxorubicin",)),
        ("doxirubicin", ("doxorubicin",)),
        ("doxetaxel", ("docetaxel",)),
        ("taxotere", ("docetaxel",)),
        ("Doxil", ("pegylated liposomal doxorubicin",)),
        ("liposomal doxorubicin", ("pegylated liposomal doxorubicin",)),
        ("doxorubicin, liposomal", ("pegylated liposomal doxorubicin",)),
        ("pd 0332991", ("palbociclib",)),
        ("ET-743", ("trabectedin",)),
        ("Yondelis", ("trabectedin",)),
        ("gleevec", ("imatinib",)),
        ("rifampicin", ("rifampin",)),
        ("ciclosporin", ("cyclosporine",)),
        ("pazopanib HCl", ("pazopanib",)),
        ("dexamethasone 20 mg iv", ("dexamethasone",)),
        ("adriamycin (doxorubicin)", ("doxorubicin",)),
        ("dtic, dacarbazine", ("dacarbazine",)),
        ("gemcitabine/docetaxel", ("gemcitabine", "docetaxel")),
        ("gemcitabine + taxotere", ("gemcitabine", "docetaxel")),
        ("gem-tax", ("gemcitabine", "docetaxel")),
        ("doxorubicin and ifosfamide", ("doxorubicin", "ifosfamide")),
        ("AIM", ("doxorubicin", "ifosfamide")),
        ("MAID", ("doxorubicin", "ifosfamide", "dacarbazine")),
        ("gemcitabine (gemzar) and docetaxel (taxotere)", ("gemcitabine", "docetaxel")),
        ("trifluridine/tipiracil", ("trifluridine/tipiracil",)),
        ("PD-1 inhibitor", ("PD-1 inhibitor",)),
        ("anti-PD1", ("PD-1 inhibitor",)),
        ("systemic", ("systemic anti-cancer therapy",)),
        ("hormone therapy", ("endocrine therapy",)),
        ("strong CYP3A4 inhibitors", ("strong CYP3A inhibitor",)),
        ("steroids", ("corticosteroid",)),
        ("granulocyte colony-stimulating factor", ("G-CSF",)),
        ("packed red blood cells", ("red cell transfusion",)),
        ("Olaparib 300mg tablets", ("olaparib",)),
        ("chop regimen", ("cyclophosphamide", "doxorubicin", "vincristine", "prednisone")),
        # A number belongs to its code name.
        ("IPI-504", ("retaspimycin",)),
        ("IPI-505", ()),
        # A part that is not known leaves the whole unmapped: a guess at the rest would hide it.
        ("gemcitabine/xyzumab", ()),
        ("doxorubicin or something", ()),
        # Abbreviations that name two things in use name none here.
        ("VAC", ()),
        ("TC", ()),
        ("CTX", ()),
        ("", ()),
        ("  ", ()),
    ],
)
def test_a_drug_by_its_names(words: Vocabulary, name: str, ids: tuple[str, ...]) -> None:
    assert words.find(name, Domain.DRUG) == ids
    assert words.split(name, Domain.DRUG) == ids


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Leiomyosarcoma, NOS", "leiomyosarcoma"),
        ("LMS", "leiomyosarcoma"),
        ("Leiomyosarcoma (disorder)", "leiomyosarcoma"),
        ("leiomyosarcoma of the uterus", "uterine leiomyosarcoma"),
        ("bone leiomyosarcoma", "leiomyosarcoma of bone"),
        ("high-grade leiomyosarcoma", "leiomyosarcoma"),
        ("metastatic leiomyosarcoma", "leiomyosarcoma"),
        ("liposarcoma, myxoid", "myxoid liposarcoma"),
        ("sarcoma, soft tissue", "soft tissue sarcoma"),
        ("synovial sarcoma - biphasic", "biphasic synovial sarcoma"),
        ("undifferentiated pleomorphic sarcoma (ups)", "undifferentiated pleomorphic sarcoma"),
        ("malignant peripheral nerve sheath tumors (mpnst)", "malignant peripheral nerve sheath tumor"),
        ("soft tissue tumour, malignant", "malignant neoplasm of soft tissue"),
        ("carcinoma (in situ)", "carcinoma in situ"),
        ("Kaposi’s sarcoma", "Kaposi sarcoma"),
        ("Waldenström macroglobulinaemia", "Waldenstrom macroglobulinemia"),
        ("bone metastases", "bone metastasis"),
        ("Metastases, bone", "bone metastasis"),
        ("brain metastases", "brain metastasis"),
        ("carcinomatous meningitis", "leptomeningeal metastasis"),
        ("Secondary malignant neoplasm of liver (disorder)", "liver metastasis"),
        ("Malignant neoplasm of breast", "malignant neoplasm of breast"),
        ("anaemia", "anemia"),
        ("Platelet count decreased", "thrombocytopenia"),
        ("severe COPD", "chronic obstructive pulmonary disease"),
        ("heart attack", "myocardial infarction"),
        ("Anatomic Stage IV Breast Cancer AJCC v8", "breast cancer"),
        ("recurrent adult acute myeloid leukemia", "acute myeloid leukemia"),
        ("metastatic breast cancer", "breast cancer"),
        ("metastasis of the kidney", "kidney metastasis"),
        ("metastatic disease of lung", "lung metastasis"),
        # "Of" says where it is only where tumours spread to; "to" always does.
        ("metastatic malignant neoplasm of liver", "liver metastasis"),
        ("metastatic cancer of breast", "breast cancer"),
        ("metastatic malignant neoplasm of colon", "malignant neoplasm of colon"),
        ("metastatic malignant neoplasm to colon", "metastasis"),
        ("metastatic cancer of lung", "lung cancer"),
        ("mild cognitive impairment", "mild cognitive impairment"),
        # The whole would be another disease, or the text denies: no guess.
        ("metastatic brain tumor", None),
        ("benign leiomyosarcoma", None),
        ("no leiomyosarcoma", None),
        ("possible pneumonitis", None),
        ("leiomyosarkoma", None),
        ("ACC", None),
    ],
)
def test_a_condition_by_its_names(words: Vocabulary, name: str, id: str | None) -> None:
    assert words.find(name, Domain.CANCER, Domain.CONDITION) == (() if id is None else (id,))


def test_what_falls_short_of_dementia_is_none(words: Vocabulary) -> None:
    assert words.relation("mild cognitive impairment", "dementia") is Relation.DISJOINT
    assert words.relation("cognitive impairment", "dementia") is Relation.ABOVE
    assert words.find("metastatic cancer of breast", Domain.CONDITION) == ()


def test_domains_keep_names_apart(words: Vocabulary) -> None:
    assert words.find("HER2", Domain.DRUG) == ()
    assert words.find("HER2", Domain.GENE) == ("ERBB2",)
    assert words.find("testosterone", Domain.TEST) == ("testosterone",)
    assert words.find("testosterone replacement", Domain.DRUG) == ("testosterone therapy",)


def test_near_names_are_suggested_and_never_used(words: Vocabulary) -> None:
    assert words.nearest("leiomyosarkoma")[0] == "leiomyosarcoma"
    assert words.nearest("pazopenib", Domain.DRUG)[0] == "pazopanib"
    assert words.nearest("qqqq") == ()
    with pytest.raises(UnknownConcept, match="'leiomyosarcoma'"):
        words.concept("leiomyosarkoma")
    with pytest.raises(UnknownConcept):
        words.relation("leiomyosarcoma", "nothing known")
    assert words.get("nothing known") is None


# Codes


@pytest.mark.parametrize(
    ("system", "code", "ids"),
    [
        ("ICD-O-3", "8890/3", ("leiomyosarcoma",)),
        ("icdo3", "8890/6", ("leiomyosarcoma",)),
        ("ICD-O-3", "88903", ()),
        ("ICD-O-3", "8890/33", ("leiomyosarcoma",)),
        ("ICD-O-3", "8890/0", ("leiomyoma",)),
        ("ICD-O-3", "8897/1", ("smooth muscle tumor of uncertain malignant potential",)),
        ("ICD-O-3", "8858/3", ("dedifferentiated liposarcoma",)),
        ("ICD-O-3", "C42.1", ("bone marrow",)),
        ("ICD-O-3", "C77.3", ("axillary lymph node",)),
        ("ICD-10", "C77.3", ("lymph node metastasis",)),
        ("ICD-10", "C49.1", ("soft tissue of upper limb",)),
        ("icd-10-cm", "C4910", ("soft tissue of upper limb",)),
        ("http://hl7.org/fhir/sid/icd-10-cm", "C79.51", ("bone metastasis",)),
        ("ICD-10-CM", "C49.A3", ("gastrointestinal stromal tumor",)),
        ("ICD10", "C40.21", ("bone of lower limb",)),
        ("urn:oid:2.16.840.1.113883.6.90", "C54.2", ("myometrium",)),
        ("ICD-10", "I21.4", ("myocardial infarction",)),
        ("NCIT", "C3158", ("leiomyosarcoma",)),
        ("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C456", ("doxorubicin",)),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "3639", ("doxorubicin",)),
        ("http://loinc.org", "89247-1", ("ecog",)),
        ("HGNC", "HGNC:8031", ("NTRK1",)),
        ("http://www.genenames.org/geneId", "HGNC:1101", ("BRCA2",)),
        ("OncoTree", "ULMS", ("uterine leiomyosarcoma",)),
        ("DOID", "DOID:3367", ("leiomyosarcoma of bone",)),
        ("SNOMED CT", "443719001", ()),
        ("ICD-10", "Q99.9", ()),
    ],
)
def test_codes(words: Vocabulary, system: str, code: str, ids: tuple[str, ...]) -> None:
    assert words.find_code(system, code) == ids


def test_a_site_code_is_never_a_histology(words: Vocabulary) -> None:
    for code in ("C49.9", "C40.2", "C41.9", "C48.0", "C54.1", "C55"):
        assert words.find_code("ICD-10", code, Domain.CANCER) == ()
        assert words.find_code("ICD-10", code, Domain.SITE)


# Relations of cancers


@pytest.mark.parametrize(
    ("a", "relation", "b"),
    [
        # Leiomyosarcoma, wherever a tree puts it.
        ("uterine leiomyosarcoma", BELOW, "leiomyosarcoma"),
        ("leiomyosarcoma", ABOVE, "uterine leiomyosarcoma"),
        ("cervical leiomyosarcoma", BELOW, "leiomyosarcoma"),
        ("uterine myxoid leiomyosarcoma", BELOW, "uterine leiomyosarcoma"),
        ("uterine myxoid leiomyosarcoma", BELOW, "myxoid leiomyosarcoma"),
        ("leiomyosarcoma of bone", BELOW, "leiomyosarcoma"),
        ("leiomyosarcoma of bone", BELOW, "bone sarcoma"),
        ("leiomyosarcoma", BELOW, "soft tissue sarcoma"),
        ("uterine leiomyosarcoma", BELOW, "soft tissue sarcoma"),
        ("leiomyosarcoma of bone", OVERLAPS, "soft tissue sarcoma"),
        ("leiomyosarcoma", OVERLAPS, "uterine cancer"),
        ("uterine leiomyosarcoma", BELOW, "uterine cancer"),
        ("uterine leiomyosarcoma", DISJOINT, "endometrial carcinoma"),
        ("leiomyosarcoma", DISJOINT, "adipocytic sarcoma"),
        ("uterine leiomyosarcoma", DISJOINT, "extrauterine leiomyosarcoma"),
        ("leiomyosarcoma", ABOVE, "extrauterine leiomyosarcoma"),
        ("retroperitoneal leiomyosarcoma", BELOW, "extrauterine leiomyosarcoma"),
        # What is not leiomyosarcoma, and not malignant.
        ("leiomyoma", DISJOINT, "leiomyosarcoma"),
        ("leiomyoma", DISJOINT, "malignancy"),
        ("uterine smooth muscle tumor of uncertain malignant potential", DISJOINT, "leiomyosarcoma"),
        ("smooth muscle tumor of uncertain malignant potential", DISJOINT, "malignancy"),
        ("lipoma", DISJOINT, "liposarcoma"),
        ("smooth muscle tumor", ABOVE, "leiomyosarcoma"),
        # Metastasis and primary.
        ("bone metastasis", DISJOINT, "bone sarcoma"),
        ("bone metastasis", BELOW, "metastasis"),
        ("metastasis", DISJOINT, "malignancy"),
        ("brain metastasis", BELOW, "CNS metastasis"),
        ("leptomeningeal metastasis", BELOW, "CNS metastasis"),
        ("CNS metastasis", ABOVE, "brain metastasis"),
        ("liver metastasis", BELOW, "visceral metastasis"),
        ("liver metastasis", DISJOINT, "lung metastasis"),
        # Sets and sites.
        ("osteosarcoma", BELOW, "bone sarcoma"),
        ("extraskeletal osteosarcoma", BELOW, "soft tissue sarcoma"),
        ("extraskeletal osteosarcoma", DISJOINT, "bone sarcoma"),
        ("Ewing sarcoma", OVERLAPS, "bone sarcoma"),
        ("retroperitoneal sarcoma", BELOW, "soft tissue sarcoma"),
        ("bone sarcoma", OVERLAPS, "soft tissue sarcoma"),
        ("gastrointestinal stromal tumor", OVERLAPS, "soft tissue sarcoma"),
        ("desmoid tumor", OVERLAPS, "soft tissue sarcoma"),
        ("desmoid tumor", DISJOINT, "carcinoma"),
        ("liposarcoma", BELOW, "L-sarcoma"),
        ("basal cell carcinoma", BELOW, "non-melanoma skin cancer"),
        ("cutaneous squamous cell carcinoma", BELOW, "non-melanoma skin cancer"),
        ("squamous cell carcinoma", OVERLAPS, "non-melanoma skin cancer"),
        ("squamous cell lung cancer", DISJOINT, "non-melanoma skin cancer"),
        ("invasive ductal carcinoma", BELOW, "breast cancer"),
        ("invasive ductal carcinoma", DISJOINT, "pancreatic cancer"),
        ("breast angiosarcoma", DISJOINT, "breast cancer"),
        ("malignant neoplasm of breast", ABOVE, "breast cancer"),
        ("small cell lung cancer", BELOW, "lung cancer"),
        ("small cell lung cancer", DISJOINT, "non-small cell lung cancer"),
        ("acute myeloid leukemia", DISJOINT, "solid tumor"),
        ("myelodysplastic syndrome", BELOW, "hematologic malignancy"),
        # Parts by something else than histology, and what protocols do not agree about.
        ("prostate adenocarcinoma", OVERLAPS, "castration-resistant prostate cancer"),
        ("lung cancer", DISJOINT, "castration-resistant prostate cancer"),
        ("triple negative breast cancer", OVERLAPS, "invasive ductal carcinoma"),
        ("cervical carcinoma in situ", BELOW, "carcinoma in situ"),
        ("cervical carcinoma in situ", OVERLAPS, "malignancy"),
        ("cervical carcinoma in situ", DISJOINT, "cervical cancer"),
        ("uterine carcinosarcoma", OVERLAPS, "endometrial carcinoma"),
        ("adenocarcinoma", OVERLAPS, "cancer of unknown primary"),
        ("lung adenocarcinoma", DISJOINT, "cancer of unknown primary"),
    ],
)
def test_relations_of_cancers(words: Vocabulary, a: str, relation: Relation, b: str) -> None:
    assert words.relation(a, b) is relation
    mirrored = {BELOW: ABOVE, ABOVE: BELOW}.get(relation, relation)
    assert words.relation(b, a) is mirrored


@pytest.mark.parametrize(
    ("a", "site", "relation", "b"),
    [
        ("leiomyosarcoma", "femur", OVERLAPS, "soft tissue sarcoma"),
        ("leiomyosarcoma", "femur", BELOW, "leiomyosarcoma of bone"),
        ("leiomyosarcoma", "soft tissue of lower limb", BELOW, "soft tissue sarcoma"),
        ("leiomyosarcoma", "myometrium", BELOW, "uterine leiomyosarcoma"),
        ("leiomyosarcoma", "lung", DISJOINT, "uterine leiomyosarcoma"),
        ("leiomyosarcoma", "soft tissue of lower limb", BELOW, "extrauterine leiomyosarcoma"),
        ("metastasis", "liver", BELOW, "liver metastasis"),
        ("metastasis", "cerebellum", BELOW, "CNS metastasis"),
        ("metastasis", "bone", DISJOINT, "bone sarcoma"),
        ("osteosarcoma", "soft tissue of thorax", DISJOINT, "bone sarcoma"),
        ("osteosarcoma", "femur", DISJOINT, "soft tissue sarcoma"),
        ("malignancy", "breast", ABOVE, "breast cancer"),
        ("malignancy", "breast", DISJOINT, "lung cancer"),
        # Name and record name two sites: only what holds of both is certain.
        ("uterine leiomyosarcoma", "lung", OVERLAPS, "uterine cancer"),
        ("uterine leiomyosarcoma", "lung", BELOW, "leiomyosarcoma"),
    ],
)
def test_relations_at_a_recorded_site(words: Vocabulary, a: str, site: str, relation: Relation, b: str) -> None:
    assert words.relation_at(a, site, b) is relation


def test_non_malignant_tumours_are_never_malignancies(words: Vocabulary) -> None:
    quiet = [c.id for c in words.concepts(Domain.CANCER) if c.attributes["behaviour"] != "malignant"]
    assert len(quiet) > 30
    assert not words.descendants("malignancy").intersection(quiet)


def test_descendants_and_ancestors_follow_the_relation(words: Vocabulary) -> None:
    below = words.descendants("leiomyosarcoma")
    assert {
        "leiomyosarcoma",
        "uterine leiomyosarcoma",
        "leiomyosarcoma of bone",
        "uterine myxoid leiomyosarcoma",
    } <= below
    assert below.isdisjoint({"leiomyoma", "uterine leiomyoma", "smooth muscle tumor of uncertain malignant potential"})
    assert "leiomyosarcoma of bone" not in words.descendants("soft tissue sarcoma")
    assert {"leiomyosarcoma", "sarcoma", "malignancy", "uterine cancer"} <= words.ancestors("uterine leiomyosarcoma")
    assert "bone" in words.ancestors("femur")
    cancers = [concept.id for concept in words.concepts(Domain.CANCER)]
    for id in cancers[::23]:
        assert words.descendants(id) == {c for c in cancers if words.is_below(c, id)}
        assert all(id in words.descendants(up) for up in words.ancestors(id))


@pytest.mark.parametrize(
    ("id", "axes"),
    [
        ("uterine leiomyosarcoma", ("leiomyosarcoma", "uterus")),
        ("breast cancer", ("carcinoma", "breast")),
        ("leiomyosarcoma", ("leiomyosarcoma", None)),
        ("invasive ductal carcinoma", ("invasive ductal carcinoma", "breast")),
        ("bone metastasis", ("metastasis", "bone")),
        ("femur", (None, "femur")),
        ("doxorubicin", (None, None)),
    ],
)
def test_axes(words: Vocabulary, id: str, axes: tuple[str | None, str | None]) -> None:
    assert words.axes(id) == axes


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("femur", "bone"),
        ("myometrium", "uterus"),
        ("brain", "CNS"),
        ("retroperitoneum", "soft tissue"),
        ("soft tissue of lower limb", "soft tissue"),
        ("cerebellum", "CNS"),
        ("skull", "bone"),
    ],
)
def test_a_site_within_another(words: Vocabulary, a: str, b: str) -> None:
    assert words.is_below(a, b)
    assert words.relation(b, a) is ABOVE


def test_the_limb_has_bone_and_soft_tissue(words: Vocabulary) -> None:
    assert words.relation("limb", "bone") is OVERLAPS
    assert words.relation("bone", "soft tissue") is DISJOINT
    assert words.relation("bone marrow", "bone") is DISJOINT


# Drugs


@pytest.mark.parametrize(
    ("a", "relation", "b"),
    [
        ("doxorubicin", BELOW, "anthracycline"),
        ("doxorubicin", BELOW, "chemotherapy"),
        ("doxorubicin", BELOW, "systemic anti-cancer therapy"),
        ("doxorubicin", DISJOINT, "targeted therapy"),
        ("gemcitabine", DISJOINT, "targeted therapy"),
        ("trabectedin", BELOW, "chemotherapy"),
        ("trabectedin", BELOW, "alkylating agent"),
        ("trabectedin", DISJOINT, "targeted therapy"),
        ("pazopanib", BELOW, "tyrosine kinase inhibitor"),
        ("pazopanib", BELOW, "targeted therapy"),
        ("pazopanib", DISJOINT, "chemotherapy"),
        ("pegylated liposomal doxorubicin", BELOW, "anthracycline"),
        ("pegylated liposomal doxorubicin", DISJOINT, "doxorubicin"),
        ("anthracycline", ABOVE, "doxorubicin"),
        ("pembrolizumab", BELOW, "immunotherapy"),
        ("pembrolizumab", BELOW, "monoclonal antibody"),
        ("pembrolizumab", BELOW, "PD-1/PD-L1 inhibitor"),
        ("pembrolizumab", DISJOINT, "CTLA-4 inhibitor"),
        ("larotrectinib", BELOW, "NTRK inhibitor"),
        ("entrectinib", BELOW, "ROS1 inhibitor"),
        ("olaparib", BELOW, "PARP inhibitor"),
        ("abiraterone", BELOW, "CYP17 inhibitor"),
        ("ifosfamide", DISJOINT, "anthracycline"),
        ("mesna", DISJOINT, "systemic anti-cancer therapy"),
        ("denosumab", DISJOINT, "systemic anti-cancer therapy"),
        ("radiotherapy", DISJOINT, "systemic anti-cancer therapy"),
        ("tamoxifen", BELOW, "endocrine therapy"),
        ("ketoconazole", BELOW, "strong CYP3A inhibitor"),
        ("fluconazole", BELOW, "moderate CYP3A inhibitor"),
        ("fluconazole", DISJOINT, "strong CYP3A inhibitor"),
        ("rifampin", BELOW, "strong CYP3A inducer"),
        ("dexamethasone", BELOW, "moderate CYP3A inducer"),
        ("dexamethasone", DISJOINT, "strong CYP3A inducer"),
        ("grapefruit juice", OVERLAPS, "strong CYP3A inhibitor"),
        ("grapefruit juice", BELOW, "CYP3A inhibitor"),
        ("St John's wort", OVERLAPS, "strong CYP3A inducer"),
        ("prednisone", BELOW, "systemic corticosteroid"),
        ("budesonide", DISJOINT, "systemic corticosteroid"),
        ("prednisone", OVERLAPS, "immunosuppressant"),
        ("live attenuated influenza vaccine", BELOW, "live vaccine"),
        ("influenza vaccine", OVERLAPS, "live vaccine"),
        ("filgrastim", BELOW, "colony-stimulating factor"),
        ("stereotactic radiosurgery", BELOW, "stereotactic radiotherapy"),
        ("chemoradiotherapy", OVERLAPS, "chemotherapy"),
        ("cord blood transplant", BELOW, "allogeneic stem cell transplant"),
    ],
)
def test_relations_of_treatments(words: Vocabulary, a: str, relation: Relation, b: str) -> None:
    assert words.relation(a, b) is relation


def test_a_study_drug_may_have_been_any_but_no_named_drug_is_a_study_drug(words: Vocabulary) -> None:
    assert words.relation("investigational agent", "doxorubicin") is OVERLAPS
    assert words.relation("investigational agent", "systemic anti-cancer therapy") is OVERLAPS
    assert words.relation("doxorubicin", "investigational agent") is DISJOINT
    assert words.find("study drug", Domain.DRUG) == ("investigational agent",)


def test_every_cyp3a_modulator_has_its_strength(words: Vocabulary) -> None:
    counts = {
        kind: len([id for id in words.descendants(kind) if id != kind])
        for kind in (
            "strong CYP3A inhibitor",
            "moderate CYP3A inhibitor",
            "strong CYP3A inducer",
            "moderate CYP3A inducer",
        )
    }
    assert all(count >= 12 for count in counts.values()), counts
    both = words.descendants("strong CYP3A inhibitor") & words.descendants("moderate CYP3A inhibitor")
    assert not both


@pytest.mark.parametrize(
    ("drug", "as_", "factor"),
    [
        ("prednisone", "prednisone", 1.0),
        ("prednisolone", "prednisone", 1.0),
        ("methylprednisolone", "prednisone", 1.25),
        ("dexamethasone", "prednisone", 5 / 0.75),
        ("hydrocortisone", "prednisone", 0.25),
        ("doxorubicin", "doxorubicin", 1.0),
        ("epirubicin", "doxorubicin", 0.8),
        ("pegylated liposomal doxorubicin", "doxorubicin", None),
        ("dexamethasone", "doxorubicin", None),
        ("budesonide", "prednisone", None),
    ],
)
def test_dose_equivalence(words: Vocabulary, drug: str, as_: str, factor: float | None) -> None:
    assert words.dose_factor(drug, as_=as_) == (None if factor is None else pytest.approx(factor, rel=1e-6))


def test_half_lives_have_a_source_or_are_not_given(words: Vocabulary) -> None:
    assert words.half_life_hours("trabectedin") == 175
    assert words.half_life_hours("pembrolizumab") == 22 * 24
    assert words.half_life_hours("ecubectedin") is None
    assert all(row["half_life_source"] for row in rows("drugs") if row["half_life_hours"])


# Tests and units


@pytest.mark.parametrize(
    ("test", "value", "unit", "canonical"),
    [
        ("creatinine", 88.42, "umol/L", 1.0),
        ("creatinine", 106, "µmol/l", 1.19882),
        ("bilirubin", 100, "umol/L", 5.85),
        ("hemoglobin", 6.206, "mmol/L", 10.0),
        ("hemoglobin", 90, "g/L", 9.0),
        ("hemoglobin", 9, "G/DL", 9.0),
        ("calcium", 2.495, "mmol/L", 10.0),
        ("albumin", 35, "g/L", 3.5),
        ("anc", 1500, "/mm3", 1.5),
        ("anc", 1500, "cells/mcL", 1.5),
        ("anc", 1.5, "K/uL", 1.5),
        ("anc", 1.5, "x10^9/L", 1.5),
        ("anc", 1.5, "10⁹/L", 1.5),
        ("anc", 1.5, "10E9/L", 1.5),
        ("anc", 1.5, "10(9)/L", 1.5),
        ("anc", 1.5, "10*3/uL", 1.5),
        ("anc", 2, "1000/uL", 2),
        ("platelets", 100, "G/L", 100.0),
        ("platelets", 100000, "/mm³", 100.0),
        ("ast", 1, "µkat/L", 60.0),
        ("hba1c", 53, "mmol/mol", 7.0),
        ("tsh", 2.5, "uIU/mL", 2.5),
        ("potassium", 4, "mEq/L", 4.0),
        ("qtcf", 0.45, "s", 450.0),
        ("weight", 154.324, "lb", 70.0),
        ("height", 1.7, "m", 170.0),
        ("temperature", 98.6, "°F", 37.0),
        ("urine_protein_24h", 1000, "mg/24h", 1.0),
        ("testosterone", 1.7335, "nmol/L", 50.0),
        # Scores and the like carry their unit in their name.
        ("ecog", 1, None, 1.0),
        ("lesion_count", 3, "", 3.0),
        ("disease_free_interval", 2, "years", 24.0),
        # Never assumed, never borrowed from another analyte.
        ("creatinine", 1.0, None, None),
        ("anc", 1500, None, None),
        ("creatinine", 1.0, "U/L", None),
        ("ast", 40, "mg/dL", None),
        ("magnesium", 1, "furlong", None),
        ("creatinine_clearance", 60, "mL/min/1.73m2", None),
        ("egfr", 60, "mL/min", None),
    ],
)
def test_conversion(words: Vocabulary, test: str, value: float, unit: str | None, canonical: float | None) -> None:
    found = words.convert(value, test=test, unit=unit)
    assert found == (None if canonical is None else pytest.approx(canonical, rel=2e-4))
    if unit:
        assert (words.unit(unit, test=test) is None) == (canonical is None)


def test_a_count_in_cells_is_exact(words: Vocabulary) -> None:
    assert words.convert(1500, test="anc", unit="/uL") == 1.5
    assert words.convert(100_000, test="platelets", unit="/mm3") == 100


def test_the_canonical_unit_converts_to_itself(words: Vocabulary) -> None:
    for test in words.tests():
        assert words.convert(1.5, test=test.id, unit=test.unit) == 1.5
        assert words.unit(test.unit, test=test.id) == test.unit
        assert test.unit in words.units_of(test.id)


@pytest.mark.parametrize(
    ("test", "days"),
    [
        ("ecog", 60),
        ("karnofsky", 60),
        ("anc", 30),
        ("measurable_disease", 60),
        ("lvef", 90),
        ("qtcf", 90),
        ("height", None),
        ("disease_free_interval", None),
    ],
)
def test_currency(words: Vocabulary, test: str, days: int | None) -> None:
    assert words.test(test).window_days == days


def test_what_a_test_can_be(words: Vocabulary) -> None:
    ecog = words.test("ecog")
    assert (ecog.low, ecog.high, ecog.integer, ecog.kind) == (0, 5, True, "score")
    assert set(words.test("pregnancy_test").codes) == {"positive", "negative", "indeterminate"}
    assert "shrinkage" in words.test("treatment_goal").codes["tumor shrinkage"]
    assert {test.cost for test in words.tests()} == {"ask", "look_up", "laboratory", "imaging", "pathology"}
    assert words.find_test("ECOG performance status") == "ecog"
    assert words.find_test("SGOT") == "ast"
    assert words.find_test("Hb") == "hemoglobin"
    assert words.find_test("nothing") is None
    # An unspecified correction is not Fridericia's.
    assert words.find_test("QTc") == "qtc"
    assert words.find_test("QTcF") == "qtcf"
    with pytest.raises(UnknownTest):
        words.test("hemoglobine")


@pytest.mark.parametrize(
    ("assay", "alteration", "answer"),
    [
        ("NGS", "fusion", True),
        ("RNA sequencing", "fusion", True),
        ("exome", "mutation", True),
        ("exome", "fusion", False),
        ("FISH", "fusion", True),
        ("FISH", "mutation", False),
        ("Sanger", "fusion", False),
        ("IHC", "expression", True),
        ("IHC", "fusion", None),
        ("something new", "fusion", None),
    ],
)
def test_what_an_assay_sees(words: Vocabulary, assay: str, alteration: str, answer: bool | None) -> None:
    assert words.sees(assay, alteration) is answer


def test_gene_families(words: Vocabulary) -> None:
    assert words.descendants("NTRK") == {"NTRK", "NTRK1", "NTRK2", "NTRK3"}
    assert {"BRCA1", "BRCA2", "ATM", "PALB2"} <= words.descendants("HRR")
    assert words.relation("NTRK", "NTRK1") is ABOVE


# A tumour tree that a user supplies


def _node(code: str, name: str, *children: dict[str, object], nci: str | None = None) -> dict[str, object]:
    return {
        "code": code,
        "name": name,
        "mainType": None,
        "externalReferences": {"NCI": [nci]} if nci else {},
        "children": {str(child["code"]): child for child in children},
    }


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A small tree with the shape and the traps of a real one, in five tissues."""
    tree = _node(
        "TISSUE",
        "Tissue",
        _node(
            "SOFT_TISSUE",
            "Soft Tissue",
            _node("LMS", "Leiomyosarcoma", _node("NEWLMS", "Splendid Leiomyosarcoma"), nci="C3158"),
            _node("LM", "Leiomyoma"),
            _node("ODDT", "Odd Tumor of Somewhere"),
        ),
        _node(
            "UTERUS",
            "Uterus",
            _node(
                "USARC",
                "Uterine Sarcoma/Mesenchymal",
                _node(
                    "USMT",
                    "Uterine Smooth Muscle Tumor",
                    _node("ULMS", "Uterine Leiomyosarcoma", nci="C6340"),
                    _node("UMLMS", "Uterine Myxoid Leiomyosarcoma"),
                    _node("UELMS", "Uterine Epithelioid Leiomyosarcoma"),
                    _node("USTUMP", "Uterine Smooth Muscle Tumor of Uncertain Malignant Potential"),
                    _node("ULM", "Uterine Leiomyoma"),
                ),
            ),
        ),
        _node("CERVIX", "Cervix", _node("CELI", "Cervical Leiomyosarcoma")),
        _node(
            "BREAST",
            "Breast",
            _node("NEWBC", "Wondrous Carcinoma of the Breast"),
            _node("DCIS", "Ductal Carcinoma In Situ"),
        ),
        _node(
            "BOWEL", "Bowel", _node("NEWAD", "Tubular Bowel Adenoma"), _node("NEWIS", "Bowel Adenocarcinoma In Situ")
        ),
    )
    path = tmp_path / "oncotree.json"
    path.write_text(json.dumps({"TISSUE": tree}), encoding="utf-8")
    return path


def test_oncotree_leiomyosarcomas_end_below_leiomyosarcoma(release: Path) -> None:
    loaded = load_oncotree(release)
    tree = loaded.vocabulary
    for code in ("LMS", "ULMS", "UMLMS", "UELMS", "CELI", "NEWLMS"):
        assert tree.relation(loaded.ids[code], "leiomyosarcoma") is BELOW, code
        assert tree.find_code("OncoTree", code) == (loaded.ids[code],)
    for code in ("USTUMP", "ULM", "LM"):
        assert tree.relation(loaded.ids[code], "leiomyosarcoma") is DISJOINT, code
        assert tree.relation(loaded.ids[code], "malignancy") is DISJOINT, code
    assert loaded.ids["ULMS"] == "uterine leiomyosarcoma"
    assert [str(problem) for problem in check(tree)] == []


def test_oncotree_nodes_that_are_new(release: Path) -> None:
    loaded = load_oncotree(release)
    tree = loaded.vocabulary
    assert tree.relation("Wondrous Carcinoma of the Breast", "breast cancer") is BELOW
    assert tree.find("wondrous carcinoma of breast", Domain.CANCER) == ("Wondrous Carcinoma of the Breast",)
    # A name that does not say leaves it open; one that denies malignancy is none.
    assert tree.relation("Odd Tumor of Somewhere", "malignancy") is OVERLAPS
    assert tree.relation("Tubular Bowel Adenoma", "malignancy") is not BELOW
    assert tree.relation("Bowel Adenocarcinoma In Situ", "malignancy") is OVERLAPS
    assert tree.relation("Bowel Adenocarcinoma In Situ", "adenocarcinoma") is DISJOINT
    assert tree.get("OncoTree tissue Breast") is not None


def test_an_overlay_is_another_release_and_leaves_the_curated_one(release: Path, words: Vocabulary) -> None:
    loaded = load_oncotree(release)
    assert loaded.vocabulary.release != words.release
    assert loaded.vocabulary.release == load_oncotree(release).vocabulary.release
    assert words.get("Splendid Leiomyosarcoma") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no root node TISSUE"),
        ('{"TISSUE": {"code": "TISSUE", "name": "Tissue", "children": {"X": {"code": "X"}}}}', "no code and name"),
    ],
)
def test_oncotree_files_that_are_none(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tree.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OncoTreeError, match=message):
        load_oncotree(path)


# The checks find what they are for


@pytest.mark.parametrize(
    ("concept", "complaint"),
    [
        (Concept("zz", "zz", Domain.DRUG, ("no such class",)), "is no concept"),
        (Concept("zz", "zz", Domain.DRUG, synonyms=("Adriamycin",)), "also means 'doxorubicin'"),
        (Concept("zz", "zz", Domain.DRUG, codes=(("RxNorm", "3639"),)), "also means 'doxorubicin'"),
        (Concept("zz", "zz", Domain.DRUG, synonyms=("--",)), "no letter or digit"),
        (
            Concept(
                "malignancy", "malignancy", Domain.CANCER, ("leiomyosarcoma",), attributes={"behaviour": "malignant"}
            ),
            "cycle",
        ),
        (
            Concept("zz", "zz", Domain.CANCER, ("sarcoma",), attributes={"behaviour": "benign"}),
            "benign, but below malignancy",
        ),
        (Concept("zz", "zz", Domain.CANCER, attributes={"behaviour": "malignant"}), "not below malignancy"),
        (Concept("zz", "zz", Domain.CONDITION, attributes={"temporal": "often"}), "temporal"),
    ],
)
def test_checks_name_the_defect(words: Vocabulary, concept: Concept, complaint: str) -> None:
    assert complaint in " ".join(str(problem) for problem in check(words.with_concepts([concept])))
