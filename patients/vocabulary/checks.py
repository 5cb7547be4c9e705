"""What must hold of the tables before anyone relies on them; each defect is named with its table and row.

Run by the tests, and by whoever edits a table: a duplicate name is two meanings for one word, a cycle makes every
relation wrong, a benign tumour below *malignancy* makes a patient ineligible.
"""

from __future__ import annotations

from collections.abc import Iterator

from patients.vocabulary import codes, names, tables
from patients.vocabulary.concepts import Concept, Domain, Problem, Relation
from patients.vocabulary.reader import Vocabulary, default
from patients.vocabulary.units import Units

_KINDS = frozenset({"quantity", "coded", "score"})
_COSTS = frozenset({"ask", "look_up", "laboratory", "imaging", "pathology"})
_TEMPORAL = frozenset({"event", "state", "chronic", "acute"})
_BEHAVIOURS = frozenset({"malignant", "in situ", "uncertain", "benign", "any"})
_ALTERATIONS = ("mutation", "fusion", "amplification", "deletion", "expression", "signature", "genotype")


def check(vocabulary: Vocabulary | None = None) -> tuple[Problem, ...]:
    """Every defect of the vocabulary (the curated one if none is given); empty when it is sound."""
    whole = vocabulary or default()
    broken = (*_rows(), *_references(whole), *_cycles(whole))
    if broken:
        # No relation can be asked of a graph with loose or circular ends.
        return (*broken, *_names(whole), *_codes(whole))
    return (
        *_names(whole),
        *_codes(whole),
        *_cancers(whole),
        *_closed_sets(whole),
        *_tests(whole),
        *_combinations(whole),
    )


def _rows() -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for table in tables.CONCEPT_TABLES:
        for row in tables.rows(table):
            id = row["id"]
            if not id:
                yield Problem(table, "", "a row without an id")
            elif id in seen:
                yield Problem(table, id, f"the id stands already in {seen[id]}")
            seen[id] = table


def _references(whole: Vocabulary) -> Iterator[Problem]:
    for concept in whole.concepts():
        attributes = concept.attributes
        named: list[tuple[str | None, str]] = [(parent, "parent") for parent in concept.parents]
        named += [(concept.histology, "histology"), (concept.site, "site")]
        named += [
            (attributes.get(column), column) for column in ("unclear_site", "exclude_site", "crosscuts", "dose_as")
        ]
        named += [(each, "may_be") for each in tables.listed(attributes.get("may_be", ""))]
        for id, what in named:
            if id and whole.get(id) is None:
                yield Problem(concept.domain, concept.id, f"{what} {id!r} is no concept")
        for site in (concept.site, attributes.get("unclear_site"), attributes.get("exclude_site")):
            found = whole.get(site) if site else None
            if found is not None and found.domain is not Domain.SITE:
                yield Problem(concept.domain, concept.id, f"{site!r} is no site")


def _cycles(whole: Vocabulary) -> Iterator[Problem]:
    state: dict[str, int] = {}

    def visit(concept: Concept, path: tuple[str, ...]) -> Iterator[Problem]:
        state[concept.id] = 1
        for parent in (*concept.parents, *((concept.histology,) if concept.histology else ())):
            above = whole.get(parent)
            if above is None:
                continue
            if state.get(parent) == 1:
                yield Problem(
                    concept.domain, concept.id, "a cycle of parents: " + " > ".join((*path, concept.id, parent))
                )
            elif parent not in state:
                yield from visit(above, (*path, concept.id))
        state[concept.id] = 2

    for concept in whole.concepts():
        if concept.id not in state:
            yield from visit(concept, ())


def _names(whole: Vocabulary) -> Iterator[Problem]:
    owner: dict[tuple[Domain, str], str] = {}
    for concept in whole.concepts():
        own: set[str] = set()
        for name in dict.fromkeys((concept.id, concept.name, *concept.synonyms)):
            key = names.key(name)
            if not key:
                yield Problem(concept.domain, concept.id, f"the name {name!r} has no letter or digit")
                continue
            if key in own and name in concept.synonyms:
                yield Problem(concept.domain, concept.id, f"the synonym {name!r} stands twice")
            own.add(key)
            other = owner.setdefault((concept.domain, key), concept.id)
            if other != concept.id:
                yield Problem(concept.domain, concept.id, f"the name {name!r} also means {other!r}")


def _codes(whole: Vocabulary) -> Iterator[Problem]:
    owner: dict[tuple[str, str, Domain], str] = {}
    for concept in whole.concepts():
        for system, code in concept.codes:
            other = owner.setdefault((*codes.code_key(codes.system_name(system), code), concept.domain), concept.id)
            if other != concept.id:
                yield Problem(concept.domain, concept.id, f"the code {system} {code} also means {other!r}")


def _cancers(whole: Vocabulary) -> Iterator[Problem]:
    for concept in whole.concepts(Domain.CANCER):
        behaviour = concept.attributes.get("behaviour", "")
        if behaviour not in _BEHAVIOURS:
            yield Problem("cancers", concept.id, f"behaviour {behaviour!r} is none of {sorted(_BEHAVIOURS)}")
        below = whole.relation(concept.id, "malignancy") is Relation.BELOW
        if behaviour == "malignant" and not below:
            yield Problem("cancers", concept.id, "malignant, but not below malignancy")
        if behaviour != "malignant" and below:
            yield Problem("cancers", concept.id, f"{behaviour}, but below malignancy")
        if concept.histology:
            histology = whole.get(concept.histology)
            if histology is not None and histology.histology:
                yield Problem("cancers", concept.id, f"histology {histology.id!r} is itself a composite")
            if not concept.site and "exclude_site" not in concept.attributes:
                yield Problem("cancers", concept.id, "a composite without a site")


def _closed_sets(whole: Vocabulary) -> Iterator[Problem]:
    for concept in whole.concepts(Domain.CONDITION):
        temporal = concept.attributes.get("temporal", "")
        if temporal not in _TEMPORAL:
            yield Problem("conditions", concept.id, f"temporal {temporal!r} is none of {sorted(_TEMPORAL)}")
    for concept in whole.concepts(Domain.ASSAY):
        for alteration in _ALTERATIONS:
            if concept.attributes.get(alteration, "") not in ("", "yes", "no"):
                yield Problem("assays", concept.id, f"{alteration} is neither yes, no nor blank")
    for concept in whole.concepts(Domain.DRUG):
        attributes = concept.attributes
        if "half_life_hours" in attributes and "half_life_source" not in attributes:
            yield Problem("drugs", concept.id, "a half-life without a source")
        if "dose_factor" in attributes and not ("dose_as" in attributes and "dose_source" in attributes):
            yield Problem("drugs", concept.id, "a dose equivalence without what it counts as, or without a source")


def _tests(whole: Vocabulary) -> Iterator[Problem]:
    tests = {test.id: test for test in whole.tests()}
    units = Units(tests)
    for test in tests.values():
        if test.kind not in _KINDS:
            yield Problem("tests", test.id, f"kind {test.kind!r} is none of {sorted(_KINDS)}")
        if test.cost not in _COSTS:
            yield Problem("tests", test.id, f"cost {test.cost!r} is none of {sorted(_COSTS)}")
        if test.unit not in units:
            yield Problem("tests", test.id, f"unit {test.unit!r} is not in the table of units")
        if test.kind == "coded" and not test.codes:
            yield Problem("tests", test.id, "coded, but without values")
        if test.low is not None and test.high is not None and not test.low < test.high:
            yield Problem("tests", test.id, "the low bound is not below the high one")
        owner: dict[str, str] = {}
        for value, synonyms in test.codes.items():
            for name in (value, *synonyms):
                other = owner.setdefault(name.casefold(), value)
                if other != value:
                    yield Problem("test_values", test.id, f"{name!r} means both {other!r} and {value!r}")
    for table in ("test_values", "conversions"):
        for row in tables.rows(table):
            if row["test"] not in tests:
                yield Problem(table, row["test"], "is no test")


def _combinations(whole: Vocabulary) -> Iterator[Problem]:
    for row in tables.rows("combinations"):
        for member in tables.listed(row["members"]):
            found = whole.get(member)
            if found is None or found.domain is not Domain.DRUG:
                yield Problem("combinations", row["name"], f"member {member!r} is no drug")
        for name in (row["name"], *tables.listed(row["synonyms"])):
            if len(whole.find(name, Domain.DRUG)) == 1 and len(tables.listed(row["members"])) > 1:
                yield Problem("combinations", row["name"], f"the name {name!r} is also that of one drug")
