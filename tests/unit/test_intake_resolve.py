"""What name, codes and sites mean together: within each other the finer holds, apart both stay possible."""

from __future__ import annotations

import pytest

from patients.intake import resolve, scopes
from patients.vocabulary import default

VOCABULARY = default()


@pytest.mark.parametrize(
    ("said", "sites", "concepts", "histologies", "meant_sites"),
    [
        # one statement
        ([], [], [], [], []),
        (["leiomyosarcoma"], [], ["leiomyosarcoma"], ["leiomyosarcoma"], []),
        (["leiomyosarcoma"], ["femur"], ["leiomyosarcoma"], ["leiomyosarcoma"], ["femur"]),
        # one within the other, in either order
        (["sarcoma", "leiomyosarcoma"], [], ["leiomyosarcoma"], ["leiomyosarcoma"], []),
        (["leiomyosarcoma", "sarcoma"], [], ["leiomyosarcoma"], ["leiomyosarcoma"], []),
        (["leiomyosarcoma", "leiomyosarcoma"], [], ["leiomyosarcoma"], ["leiomyosarcoma"], []),
        # a composite names a site; a finer site narrows it
        (["uterine leiomyosarcoma", "leiomyosarcoma"], [], ["uterine leiomyosarcoma"], ["leiomyosarcoma"], ["uterus"]),
        (["uterine leiomyosarcoma"], ["myometrium"], ["uterine leiomyosarcoma"], ["leiomyosarcoma"], ["myometrium"]),
        # contradictions: each is possible
        (["leiomyosarcoma", "liposarcoma"], [], ["leiomyosarcoma", "liposarcoma"],
         ["leiomyosarcoma", "liposarcoma"], []),
        (["leiomyosarcoma"], ["femur", "uterus"], ["leiomyosarcoma"], ["leiomyosarcoma"], ["femur", "uterus"]),
        (["uterine leiomyosarcoma"], ["femur"], ["uterine leiomyosarcoma"], ["leiomyosarcoma"], ["femur", "uterus"]),
        # two that hold together: the finer histology stands, the site comes from the other
        (["uterine leiomyosarcoma", "myxoid leiomyosarcoma"], [], ["myxoid leiomyosarcoma"],
         ["myxoid leiomyosarcoma"], ["uterus"]),
    ],
)  # fmt: skip
def test_condition(
    said: list[str], sites: list[str], concepts: list[str], histologies: list[str], meant_sites: list[str]
) -> None:
    meaning = resolve.condition(tuple(said), tuple(sites), vocabulary=VOCABULARY)
    assert list(meaning.concepts) == concepts
    assert list(meaning.histologies) == histologies
    assert sorted(meaning.sites) == sorted(meant_sites)
    assert meaning.conflicting == (len(concepts) > 1 or len(histologies) > 1 or len(meant_sites) > 1)


def test_a_metastasis_finds_the_concept_of_its_site() -> None:
    assert resolve.metastasis_at("lung", VOCABULARY) == "lung metastasis"
    assert resolve.metastasis_at("spermatic cord", VOCABULARY) == "soft tissue metastasis"
    assert resolve.metastasis_at("larynx", VOCABULARY) == "metastasis", "no concept of its own"
    assert resolve.is_metastasis(("liver metastasis",), VOCABULARY)
    assert not resolve.is_metastasis(("leiomyosarcoma",), VOCABULARY)


@pytest.mark.parametrize(
    ("domain", "text", "expected"),
    [
        ("treatments", "", "all"),
        ("treatments", "all", "all"),
        ("treatments", "drug", "kind:drug"),
        ("treatments", "kind:drug", "kind:drug"),
        ("treatments", "KIND: Chemotherapy", "kind:drug"),
        ("treatments", "class:anthracyclines", "class:anthracycline"),
        ("treatments", "class:anthracycline kind:drug", "kind:drug class:anthracycline"),
        ("conditions", "primary", "kind:primary"),
        ("biomarkers", "mutation", "alteration:mutation"),
        ("biomarkers", "genes:brca2|BRCA1 alteration:mutation", "genes:BRCA1|BRCA2 alteration:mutation"),
        ("biomarkers", "assay:exome", "assay:whole exome sequencing"),
    ],
)
def test_scope(domain: str, text: str, expected: str) -> None:
    assert scopes.canonical(text, domain=domain, vocabulary=VOCABULARY) == expected
    assert scopes.canonical(expected, domain=domain, vocabulary=VOCABULARY) == expected


@pytest.mark.parametrize(
    ("domain", "text", "message"),
    [
        ("treatments", "everythign", "means nothing known for treatments"),
        ("treatments", "kind:", "nothing after it"),
        ("treatments", "kind:drug kind:surgery", "says kind twice"),
        ("treatments", "genes:BRCA1", "write genes:<value>"),
        ("biomarkers", "genes:BRCA1|NOSUCHGENE", "means nothing known"),
    ],
)
def test_a_scope_that_is_not_understood_is_refused(domain: str, text: str, message: str) -> None:
    with pytest.raises(scopes.ScopeProblem, match=message):
        scopes.canonical(text, domain=domain, vocabulary=VOCABULARY)
