"""The vocabulary as others use it: names and codes in, concept ids out, and the relation of any two of them.

Built once from the curated tables and never changed; a tree that a user supplies becomes a new vocabulary beside it
(`with_concepts`). A name that is not certainly known gives nothing, never a guess: `nearest` suggests, a person maps.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from patients.vocabulary import codes, names, tables
from patients.vocabulary.concepts import Concept, Domain, Relation, Test, UnknownConcept, UnknownTest
from patients.vocabulary.lattice import Lattice
from patients.vocabulary.units import Units

_DOMAIN_OF_TABLE = {
    "cancers": Domain.CANCER,
    "sites": Domain.SITE,
    "conditions": Domain.CONDITION,
    "drug_classes": Domain.DRUG,
    "drugs": Domain.DRUG,
    "procedures": Domain.PROCEDURE,
    "genes": Domain.GENE,
    "tests": Domain.TEST,
    "assays": Domain.ASSAY,
}
_STRUCTURAL = frozenset({"id", "name", "parents", "synonyms", "codes", "histology", "site"})
_SEEDED = ("liver", "bone", "CNS", "lymph node", "peritoneum", "pleura", "soft tissue", "skin")
_SEPARATORS = re.compile(
    r"\s*(?:/|\+|,|;|&|→|->|\band\b|\bplus\b|\bcombined with\b|\bwith\b|\bthen\b|\bfollowed by\b)\s*", re.IGNORECASE
)
_HYPHEN = re.compile(r"\s*[-–—]\s*")


class Vocabulary:
    """Every concept with its names, codes and place; every test with its units; what each assay can see."""

    release: str
    """Version and content hash: two equal releases give equal answers."""

    def __init__(self, concepts: Iterable[Concept], *, release: str) -> None:
        self.release = release
        self._concepts: dict[str, Concept] = {concept.id: concept for concept in concepts}
        self._lattice = Lattice(self._concepts)
        self._tests = _tests(self._concepts.values())
        self._units = Units(self._tests)
        self._by_key: dict[tuple[Domain, str], str] = {}
        self._by_tight: dict[tuple[Domain, str], str | None] = {}
        self._by_loose: dict[tuple[Domain, str], str | None] = {}
        self._by_code: dict[tuple[str, str], list[str]] = {}
        for concept in self._concepts.values():
            self._index(concept)
        self._combinations: dict[str, tuple[str, ...]] = {}
        for row in tables.rows("combinations"):
            members = tables.listed(row["members"])
            for name in (row["name"], *tables.listed(row["synonyms"])):
                self._combinations[names.tight_key(name)] = members
        self._found: dict[tuple[str, tuple[Domain, ...]], tuple[str, ...]] = {}
        self._pieces: dict[Domain, list[tuple[str, str, frozenset[str]]]] = {}
        self._certain_below: dict[str, frozenset[str]] = {}
        self._certain_above: dict[str, frozenset[str]] = {}
        self._with_axes: tuple[str, ...] = ()

    def _index(self, concept: Concept) -> None:
        for name in (concept.id, concept.name, *concept.synonyms):
            domain = concept.domain
            self._by_key.setdefault((domain, names.key(name)), concept.id)
            for index, each in ((self._by_tight, names.tight_key(name)), (self._by_loose, names.loose_key(name))):
                known = index.setdefault((domain, each), concept.id)
                if known != concept.id:
                    index[(domain, each)] = None  # two meanings: only the exact name decides
        for system, code in concept.codes:
            self._by_code.setdefault(codes.code_key(codes.system_name(system), code), []).append(concept.id)

    # Concepts

    def concept(self, id: str) -> Concept:
        """The concept of this id; raises UnknownConcept, naming the nearest, if there is none."""
        found = self._concepts.get(id)
        if found is None:
            near = ", ".join(repr(each) for each in self.nearest(id))
            raise UnknownConcept(f"no concept {id!r}; nearest: {near or 'none'}")
        return found

    def get(self, id: str) -> Concept | None:
        """The concept of this id, or None."""
        return self._concepts.get(id)

    def concepts(self, domain: Domain | None = None) -> Iterable[Concept]:
        """Every concept, or those of one domain, in table order."""
        return (c for c in self._concepts.values() if domain is None or c.domain is domain)

    # Names

    def find(self, name: str, *domains: Domain) -> tuple[str, ...]:
        """The ids of the concept(s) a name means; () when it is unmapped.

        Without domains the first domain that knows the name answers. More than one id means that the name is a
        combination of drugs (`gemcitabine + docetaxel`), never that it is ambiguous.
        """
        asked = domains or tuple(Domain)
        found = self._found.get((name, asked))
        if found is None:
            found = self._find(name, asked)
            if len(self._found) < 200_000:
                self._found[(name, asked)] = found
        return found

    def _find(self, name: str, domains: tuple[Domain, ...]) -> tuple[str, ...]:
        for domain in domains:
            one = self._find_one(name, domain)
            if one is not None:
                return (one,)
        if Domain.DRUG in domains:
            return self.split(name, Domain.DRUG)
        return ()

    def _find_one(self, name: str, domain: Domain) -> str | None:
        if name in self._concepts and self._concepts[name].domain is domain:
            return name
        exact = names.key(name)
        if not exact:
            return None
        found = self._by_key.get((domain, exact)) or self._by_tight.get((domain, names.tight_key(name)))
        if found:
            return found
        found = self._by_loose.get((domain, names.loose_key(name)))
        if found:
            return found
        parts = names.without_parentheses(name)
        if parts is not None:
            outside = self._find_one(parts[0], domain)
            # What stands in parentheses may change the meaning, "carcinoma (in situ)": it must say the same or nothing
            if outside and all(names.says_nothing(p) or self._find_one(p, domain) == outside for p in parts[1]):
                return outside
        if domain in (Domain.CANCER, Domain.CONDITION):
            return self._tumour_at(name, domain) or self._without_qualifiers(name, domain)
        if domain is Domain.DRUG:
            for plain in (names.without_salt(name), names.without_dose(name)):
                if plain and plain != exact:
                    found = self._by_key.get((domain, plain)) or self._by_loose.get((domain, names.loose_key(plain)))
                    if found:
                        return found
        return None

    def _tumour_at(self, name: str, domain: Domain) -> str | None:
        """A name that states a site and no histology: `secondary malignant neoplasm of liver`."""
        metastatic = domain is Domain.CONDITION
        text = names.secondary_site(name) if metastatic else names.malignant_site(name)
        if text is None:
            return None
        head = "metastasis" if metastatic else "malignancy"
        site = self._find_one(text, Domain.SITE)
        if site is None or (metastatic and names.may_name_the_origin(name) and not self._seeds(site)):
            return None
        return next((c.id for c in self._concepts.values() if c.histology == head and c.site == site), head)

    def _without_qualifiers(self, name: str, domain: Domain) -> str | None:
        for plain, metastatic in names.unqualified(name):
            found = self._by_key.get((domain, plain)) or self._by_loose.get((domain, names.loose_key(plain)))
            if found is None:
                continue
            # A "metastatic brain tumor" is a metastasis in the brain, a "metastatic breast cancer" one from the breast.
            return None if metastatic and self._seeded(found) else found
        return None

    def _seeded(self, id: str) -> bool:
        """Whether a tumour's site is one where other tumours spread to."""
        site = self._lattice.form(id).site if self._lattice.has_axes(id) else None
        return site is not None and self._seeds(site)

    def _seeds(self, site: str) -> bool:
        return any(self._lattice.sites_meet(site, each) for each in _SEEDED if each in self._concepts)

    def split(self, name: str, domain: Domain) -> tuple[str, ...]:
        """The members of a combined name, each once: `gemcitabine/docetaxel`, `AIM`; () if any part is unmapped."""
        one = self._find_one(name, domain)
        if one is not None:
            return (one,)
        if domain is Domain.DRUG:
            for written in (name, names.without_dose(name)):
                known = self._combinations.get(names.tight_key(written))
                if known is not None:
                    return known
        parts = names.without_parentheses(name)
        attempts = [_SEPARATORS.split(name), _HYPHEN.split(name)]
        if parts is not None and domain is Domain.DRUG:
            outside = self.split(parts[0], domain)
            inside = tuple(self.split(part, domain) for part in parts[1] if not names.says_nothing(part))
            if outside and all(set(each) == set(outside) for each in inside):
                return outside
        for pieces in attempts:
            pieces = [piece for piece in pieces if piece.strip()]
            if len(pieces) < 2:
                continue
            members = [self.split(piece, domain) for piece in pieces]
            if all(members):
                return tuple(dict.fromkeys(id for each in members for id in each))
        return ()

    def nearest(self, name: str, *domains: Domain, n: int = 3) -> tuple[str, ...]:
        """The ids whose names look most like this one, best first: suggestions for a person, never a mapping."""
        wanted = names.key(name)
        if not wanted:
            return ()
        grams = names.trigrams(wanted)
        scored: list[tuple[float, str, str]] = []
        for domain in domains or tuple(Domain):
            for known, id, pieces in self._suggestions(domain):
                shared = len(grams & pieces)
                if shared:
                    scored.append((2 * shared / (len(grams) + len(pieces)), known, id))
        scored.sort(key=lambda each: (-each[0], each[1]))
        best = sorted(
            ((difflib.SequenceMatcher(None, wanted, known).ratio() + dice, id) for dice, known, id in scored[:40]),
            key=lambda each: (-each[0], each[1]),
        )
        return tuple(dict.fromkeys(id for score, id in best if score > 0.7))[:n]

    def _suggestions(self, domain: Domain) -> list[tuple[str, str, frozenset[str]]]:
        found = self._pieces.get(domain)
        if found is None:
            found = [(key, id, names.trigrams(key)) for (of, key), id in self._by_key.items() if of is domain]
            self._pieces[domain] = found
        return found

    # Codes

    def find_code(self, system: str, code: str, *domains: Domain) -> tuple[str, ...]:
        """The ids a code means, within the domains if given; () when unknown.

        ICD-10 and ICD-O-3 topography answer by their longest known prefix, ICD-O-3 morphology by histology and
        behaviour digit, every other system by the whole code.
        """
        for candidate in codes.candidates(system, code):
            ids = self._by_code.get(candidate, ())
            chosen = tuple(id for id in ids if not domains or self._concepts[id].domain in domains)
            if chosen:
                return chosen
        return ()

    # Relations

    def relation(self, a: str, b: str) -> Relation:
        """How a, as recorded, stands to b, as asked; raises UnknownConcept for an id that is none."""
        self._known(a, b)
        return self._lattice.relation(a, b)

    def relation_at(self, a: str, site: str, b: str) -> Relation:
        """How a, recorded at a site, stands to b: leiomyosarcoma at the femur overlaps soft tissue sarcoma."""
        self._known(a, site, b)
        return self._lattice.relation_at(a, site, b)

    def is_below(self, a: str, b: str) -> bool:
        """Whether every a is a b; a concept is below itself."""
        return self.relation(a, b) is Relation.BELOW

    def descendants(self, id: str) -> frozenset[str]:
        """Every concept below this one, and itself."""
        self._known(id)
        found = self._certain_below.get(id)
        if found is None:
            if self._lattice.has_axes(id):
                found = frozenset(c for c in self._axial() if self._lattice.certainly_below(c, id))
            else:
                found = self._lattice.below(id)
            self._certain_below[id] = found
        return found

    def ancestors(self, id: str) -> frozenset[str]:
        """Every concept this one is below, and itself."""
        self._known(id)
        found = self._certain_above.get(id)
        if found is None:
            found = frozenset(c for c in self._lattice.above(id) if self._lattice.certainly_below(id, c))
            if self._lattice.has_axes(id):
                found |= frozenset(c for c in self._axial() if self._lattice.certainly_below(id, c))
            self._certain_above[id] = found
        return found

    def _axial(self) -> tuple[str, ...]:
        if not self._with_axes:
            self._with_axes = tuple(id for id in self._concepts if self._lattice.has_axes(id))
        return self._with_axes

    def axes(self, id: str) -> tuple[str | None, str | None]:
        """(histology id, site id) of a composite; (itself, its usual site) of a histology; (None, itself) of a site."""
        self._known(id)
        if self._concepts[id].domain is not Domain.SITE and not self._lattice.has_axes(id):
            return (None, None)
        form = self._lattice.form(id)
        return (form.histology, form.site)

    def _known(self, *ids: str) -> None:
        for id in ids:
            if id not in self._concepts:
                self.concept(id)

    # Tests, units, doses, assays

    def test(self, id: str) -> Test:
        """The test of this id; raises UnknownTest if there is none."""
        found = self._tests.get(id)
        if found is None:
            near = ", ".join(repr(each) for each in self.nearest(id, Domain.TEST))
            raise UnknownTest(f"no test {id!r}; nearest: {near or 'none'}")
        return found

    def tests(self) -> Iterable[Test]:
        """Every test, in table order."""
        return self._tests.values()

    def find_test(self, name: str) -> str | None:
        """The id of the test a name means, or None."""
        found = self.find(name, Domain.TEST)
        return found[0] if found else None

    def convert(self, value: float, *, test: str, unit: str | None) -> float | None:
        """The value in the test's canonical unit; None where the unit is missing or is none of this test's."""
        return self._units.convert(value, self.test(test), unit)

    def unit(self, text: str, *, test: str) -> str | None:
        """The canonical spelling of a unit as written, if a value of this test can have it."""
        return self._units.spelled(text, self.test(test))

    def units_of(self, test: str) -> tuple[str, ...]:
        """Every canonical unit a value of this test may have."""
        return tuple(self._units.for_test(self.test(test)))

    def half_life_hours(self, drug: str) -> float | None:
        """The half-life of a drug in hours (the longest of parent and active metabolite), where the table has one."""
        text = self.concept(drug).attributes.get("half_life_hours")
        return float(text) if text else None

    def dose_factor(self, drug: str, *, as_: str) -> float | None:
        """What one mg of the drug counts as in mg of `as_` (prednisone, doxorubicin); None where no factor is known."""
        if drug == as_:
            return 1.0
        attributes = self.concept(drug).attributes
        if attributes.get("dose_as") != as_ or not attributes.get("dose_factor"):
            return None
        return float(attributes["dose_factor"])

    def sees(self, assay: str, alteration: str) -> bool | None:
        """Whether an assay can see a kind of alteration; None for an unknown assay, or where its design decides."""
        found = self.find(assay, Domain.ASSAY)
        if not found:
            return None
        answer = self._concepts[found[0]].attributes.get(alteration)
        return {"yes": True, "no": False}.get(answer or "")

    def with_concepts(self, concepts: Iterable[Concept]) -> Vocabulary:
        """A vocabulary with these concepts added, or put in the place of those that have their ids."""
        added = {concept.id: concept for concept in concepts}
        digest = hashlib.sha256(repr([(c.id, c.parents, c.synonyms, c.codes, c.site) for c in added.values()]).encode())
        merged = {**self._concepts, **added}
        return Vocabulary(merged.values(), release=f"{self.release}+{digest.hexdigest()[:12]}")


def _tests(concepts: Iterable[Concept]) -> dict[str, Test]:
    values: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in tables.rows("test_values"):
        values.setdefault(row["test"], {})[row["value"]] = tables.listed(row["synonyms"])
    found = {}
    for concept in concepts:
        if concept.domain is Domain.TEST:
            own = concept.attributes
            found[concept.id] = Test(
                id=concept.id,
                name=concept.name,
                kind=own["kind"],
                unit=own["unit"],
                window_days=int(own["window_days"]) if "window_days" in own else None,
                category=own["category"],
                low=float(own["low"]) if "low" in own else None,
                high=float(own["high"]) if "high" in own else None,
                integer=own.get("integer") == "yes",
                cost=own["cost"],
                codes=MappingProxyType(values.get(concept.id, {})),
                unit_optional=own.get("unit_optional") == "yes",
            )
    return found


def concept_of(row: Mapping[str, str], domain: Domain) -> Concept:
    """The concept a table row states; columns that are not structure become attributes."""
    attributes = {column: cell for column, cell in row.items() if cell and column not in _STRUCTURAL}
    return Concept(
        id=row["id"],
        name=row.get("name") or row["id"],
        domain=domain,
        parents=tables.listed(row.get("parents", "")),
        synonyms=tables.listed(row.get("synonyms", "")),
        codes=tables.coded(row.get("codes", "")),
        attributes=MappingProxyType(attributes),
        histology=row.get("histology") or None,
        site=row.get("site") or None,
    )


@cache
def default() -> Vocabulary:
    """The curated vocabulary, read once."""
    concepts = [
        concept_of(row, _DOMAIN_OF_TABLE[table]) for table in tables.CONCEPT_TABLES for row in tables.rows(table)
    ]
    return Vocabulary(concepts, release=tables.release())
