"""How concepts lie within each other: a graph of parents, and for cancers and metastases two axes besides.

A cancer is a histology at a site, so *uterine leiomyosarcoma* lies below *leiomyosarcoma* and below *uterine cancer*
though no table says so, and a set of histologies may exclude a site (extrauterine) or leave it open (soft tissue
sarcoma found in bone). Where a definite answer would need more than a record can say, the answer is OVERLAPS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patients.vocabulary.concepts import Concept, Domain, Relation


@dataclass(frozen=True, slots=True)
class Form:
    """A cancer or metastasis as its axes: the node it has in the graph, its histology, its site.

    `given` says whether the site was stated, or is only the one this histology usually has; `placed` that a record
    put the node's histology at a site of its own.
    """

    node: str
    histology: str | None
    site: str | None
    given: bool
    placed: bool = False


class Lattice:
    """Relations over a fixed set of concepts, computed when first asked for and kept."""

    def __init__(self, concepts: Mapping[str, Concept]) -> None:
        self._concepts = concepts
        self._children: dict[str, list[str]] = {}
        self._up: dict[str, tuple[str, ...]] = {}
        self._may_be: dict[str, tuple[str, ...]] = {}
        for concept in concepts.values():
            up = tuple(parent for parent in concept.parents if parent in concepts)
            if concept.histology is not None and concept.histology in concepts:
                up = (*up, concept.histology)
            self._up[concept.id] = up
            for parent in up:
                self._children.setdefault(parent, []).append(concept.id)
            if "may_be" in concept.attributes:
                self._may_be[concept.id] = tuple(concept.attributes["may_be"].split("|"))
        self._below: dict[str, frozenset[str]] = {}
        self._above: dict[str, frozenset[str]] = {}
        self._forms: dict[str, Form] = {}
        self._relations: dict[tuple[str, str], Relation] = {}
        self._placed: dict[tuple[str, str, str], Relation] = {}
        self._composites_of: dict[str, tuple[Concept, ...]] = {}

    # The graph of parents alone

    def below(self, id: str) -> frozenset[str]:
        """The concept and all that have it as an ancestor in the graph, sites not considered."""
        found = self._below.get(id)
        if found is None:
            found = self._below[id] = self._closure(id, self._children)
        return found

    def above(self, id: str) -> frozenset[str]:
        """The concept and all its ancestors in the graph, sites not considered."""
        found = self._above.get(id)
        if found is None:
            found = self._above[id] = self._closure(id, self._up)
        return found

    @staticmethod
    def _closure(id: str, edges: Mapping[str, tuple[str, ...]] | Mapping[str, list[str]]) -> frozenset[str]:
        seen = {id}
        stack = [id]
        while stack:
            for following in edges.get(stack.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    stack.append(following)
        return frozenset(seen)

    # Axes

    def has_axes(self, id: str) -> bool:
        """Whether a concept is compared by histology and site: cancers, and whatever states a histology."""
        concept = self._concepts[id]
        return concept.domain is Domain.CANCER or concept.histology is not None or id == "metastasis"

    def form(self, id: str) -> Form:
        """The axes of a concept; a pure site has no histology."""
        found = self._forms.get(id)
        if found is None:
            concept = self._concepts[id]
            if concept.domain is Domain.SITE:
                found = Form(id, None, id, True)
            elif concept.histology is not None:
                found = Form(id, concept.histology, concept.site, concept.site is not None)
            else:
                found = Form(id, id, self._usual_site(id), False)
            self._forms[id] = found
        return found

    def _usual_site(self, id: str) -> str | None:
        """The site a pure histology is taken to have: its own, or the nearest its ancestors agree on."""
        concept = self._concepts[id]
        if concept.site is not None:
            return concept.site
        inherited = {
            site
            for parent in concept.parents
            if parent in self._concepts and (site := self.form(parent).site) is not None
        }
        if not inherited:
            return None
        # Two parents may name nested sites (uterus, myometrium): the inner one holds for both.
        for site in sorted(inherited):
            if all(self.site_within(site, other) for other in inherited):
                return site
        return None

    def site_within(self, site: str, other: str) -> bool:
        """Whether a site is the other or a part of it."""
        return site == other or other in self.above(site)

    def sites_meet(self, site: str, other: str) -> bool:
        """Whether something can lie in both."""
        return (
            self.site_within(site, other)
            or self.site_within(other, site)
            or not self.below(site).isdisjoint(self.below(other))
        )

    # Relations

    def relation(self, a: str, b: str) -> Relation:
        """The relation of a, as recorded, to b, as asked."""
        pair = (a, b)
        found = self._relations.get(pair)
        if found is None:
            found = self._relations[pair] = self._relate(a, b)
        return found

    def certainly_below(self, a: str, b: str) -> bool:
        """Whether relation(a, b) is BELOW, without working out what it is otherwise."""
        known = self._relations.get((a, b))
        if known is not None:
            return known is Relation.BELOW
        if a != b and self.has_axes(a) and self.has_axes(b):
            return self._form_below(self.form(a), self.form(b))
        return b in self.above(a)

    def relation_at(self, a: str, site: str, b: str) -> Relation:
        """The relation of a, recorded at a site, to b."""
        triple = (a, site, b)
        found = self._placed.get(triple)
        if found is None:
            found = self._placed[triple] = self._relate_at(a, site, b)
        return found

    def _relate_at(self, a: str, site: str, b: str) -> Relation:
        if not (self.has_axes(a) and self.has_axes(b)):
            return self.relation(a, b)
        own, asked = self.form(a), self.form(b)
        if own.given and own.site is not None:
            if self.site_within(own.site, site):
                return self.relation(a, b)
            if not self.site_within(site, own.site):
                # The name says one site and the record another: only what holds of both is certain.
                elsewhere = self._relate_forms(Form(a, own.histology, site, True, True), asked)
                return elsewhere if elsewhere is self.relation(a, b) else Relation.OVERLAPS
        return self._relate_forms(Form(a, own.histology, site, True, True), asked)

    def _relate(self, a: str, b: str) -> Relation:
        if a == b:
            return Relation.BELOW
        if self.has_axes(a) and self.has_axes(b):
            return self._relate_forms(self.form(a), self.form(b))
        if b in self.above(a):
            return Relation.BELOW
        if a in self.above(b):
            return Relation.ABOVE
        if not self.below(a).isdisjoint(self.below(b)) or self._may_be_each_other(a, b):
            return Relation.OVERLAPS
        recorded, asked = self._concepts[a], self._concepts[b]
        if recorded.attributes.get("open") == "yes" and asked.domain is recorded.domain:
            # "Study drug" names no drug: it may have been any of those asked for.
            return Relation.OVERLAPS
        return Relation.DISJOINT

    def _relate_forms(self, a: Form, b: Form) -> Relation:
        if self._form_below(a, b):
            return Relation.BELOW
        if self._form_below(b, a):
            return Relation.ABOVE
        return Relation.OVERLAPS if self._forms_meet(a, b) else Relation.DISJOINT

    def _form_below(self, a: Form, b: Form) -> bool:
        if a.histology is None:
            return False
        if b.placed:
            within = a.site is not None and b.site is not None and self.site_within(a.site, b.site)
            return within and b.histology is not None and a.histology in self.below(b.histology)
        target = self._concepts[b.node]
        if not self._site_allows(a, target):
            return False
        if a.node in self.below(b.node) and not (a.placed and self._concepts[a.node].histology is None):
            return True
        if target.histology is None and a.histology in self.below(b.node):
            return True
        return any(
            member.histology is not None
            and a.histology in self.below(member.histology)
            and (member.site is None or (a.site is not None and self.site_within(a.site, member.site)))
            and self._site_allows(a, member)
            for member in self._composites(b.node)
        )

    def _composites(self, id: str) -> tuple[Concept, ...]:
        found = self._composites_of.get(id)
        if found is None:
            members = (self._concepts[each] for each in sorted(self.below(id)))
            found = self._composites_of[id] = tuple(each for each in members if each.histology is not None)
        return found

    def _site_allows(self, a: Form, target: Concept) -> bool:
        """Whether the target's excluded and unclear sites let a certainly be one."""
        unclear = target.attributes.get("unclear_site")
        if unclear and a.site is not None and self.site_within(a.site, unclear):
            return False
        excluded = target.attributes.get("exclude_site")
        if not excluded or a.node == target.id or target.id in self._concepts[a.node].parents:
            return True
        return a.site is not None and not self.sites_meet(a.site, excluded)

    def _forms_meet(self, a: Form, b: Form) -> bool:
        if a.histology is None or b.histology is None:
            return False
        stated = [form.site for form in (a, b) if form.given and form.site is not None]
        excluded = [site for form in (a, b) if (site := self._concepts[form.node].attributes.get("exclude_site"))]
        for id in self._members(a) & self._members(b):
            own = self.form(id)
            sites = list(stated)
            # A stated site outweighs the usual one of the histology it was stated with, not that of any other.
            outweighed = not own.given and any(form.given and form.histology == id for form in (a, b))
            if own.site is not None and not outweighed:
                sites.append(own.site)
            if any(not self.sites_meet(x, y) for i, x in enumerate(sites) for y in sites[i + 1 :]):
                continue
            if any(self.site_within(site, outside) for site in sites for outside in excluded):
                continue
            return True
        return any(self._form_may_be(x, y) or self._cuts_across(x, y) for x, y in ((a, b), (b, a)))

    def _form_may_be(self, a: Form, b: Form) -> bool:
        """Whether protocols differ about a being a b (carcinoma in situ as a malignancy), by the table."""
        return any(
            self._form_below(a, self.form(id)) and any(self._form_below(self.form(target), b) for target in targets)
            for id, targets in self._may_be.items()
            if self.has_axes(id)
        )

    def _cuts_across(self, a: Form, b: Form) -> bool:
        """Whether a is one of those of which b is a part by something else than histology (castration resistance)."""
        across = (self._concepts[id].attributes.get("crosscuts") for id in self.above(b.node))
        return any(
            whole is not None and (self._form_below(a, self.form(whole)) or self._form_below(self.form(whole), a))
            for whole in across
        )

    def _members(self, form: Form) -> frozenset[str]:
        if form.histology is None:
            return self.below(form.node)
        return self.below(form.histology) | (frozenset() if form.placed else self.below(form.node))

    def _may_be_each_other(self, a: str, b: str) -> bool:
        """Whether sources differ about one being the other (a steroid as an immunosuppressant), by the table."""
        return self._may_be_one(a, b) or self._may_be_one(b, a)

    def _may_be_one(self, a: str, b: str) -> bool:
        return any(b in self.above(target) for id in self.above(a) for target in self._may_be.get(id, ()))
