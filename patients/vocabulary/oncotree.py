"""Lays an OncoTree release, which a user supplies as its published JSON, over the curated vocabulary.

OncoTree is a tree of tissues, so its leiomyosarcomas stand apart in five places and its groups mix benign with
malignant. A node that the curated tables know by code keeps their place and adds only its names and code; a new node
takes its tissue as a site and its parents as far as they cannot make a tumour malignant that may not be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from patients.vocabulary import names
from patients.vocabulary.concepts import Concept, Domain, Relation
from patients.vocabulary.reader import Vocabulary, default

# OncoTree's tissues, where they are called otherwise than the curated sites.
_TISSUES = {
    "pns": "peripheral nerve",
    "brain": "CNS",
    "bowel": "digestive tract",
    "vulva": "vulva or vagina",
    "stomach": "esophagus or stomach",
    "bladder": "urinary tract",
    "ovary": "tubo-ovarian region",
}
_NO_SITE = frozenset({"other", "lymph", "myeloid"})
# Histology by the noun of the name, first match; in situ and benign words decide before the malignant ones.
_NOT_MALIGNANT = (
    ("in situ", "in situ neoplasm"),
    ("insitu", "in situ neoplasm"),
    ("borderline", "neoplasm of uncertain behavior"),
    ("uncertain malignant potential", "neoplasm of uncertain behavior"),
    ("benign", "benign neoplasm"),
    ("leiomyoma", "leiomyoma"),
)
# Such names stand below malignant groups too and are not malignant for that.
_DOUBTFUL = frozenset(
    {
        "adenoma", "cystadenoma", "papilloma", "nevus", "teratoma", "cyst", "cystic", "hemangioma", "schwannoma",
        "neurofibroma", "lipoma", "oncocytoma", "hyperplasia", "dermatofibroma", "fibroadenoma", "myxoma",
        "angiomyolipoma", "atypical", "proliferating", "reactive", "workup", "phyllodes", "fibroepithelial",
        "neoplastic", "mesenchymal", "smooth", "ptld", "lymphoproliferative", "lymphocytosis", "mucocutaneous",
        "papulosis", "precursor", "dysplasia", "mole",
    }
)  # fmt: skip
_FAMILIES = (
    ("carcinosarcoma", "carcinosarcoma"),
    ("adenosquamous carcinoma", "adenosquamous carcinoma"),
    ("squamous cell carcinoma", "squamous cell carcinoma"),
    ("neuroendocrine carcinoma", "neuroendocrine carcinoma"),
    ("neuroendocrine tumor", "neuroendocrine tumor"),
    ("urothelial carcinoma", "urothelial carcinoma"),
    ("adenocarcinoma", "adenocarcinoma"),
    ("cholangiocarcinoma", "cholangiocarcinoma"),
    ("carcinoma", "carcinoma"),
    ("leiomyosarcoma", "leiomyosarcoma"),
    ("osteosarcoma", "osteosarcoma"),
    ("chondrosarcoma", "chondrosarcoma"),
    ("liposarcoma", "liposarcoma"),
    ("rhabdomyosarcoma", "rhabdomyosarcoma"),
    ("angiosarcoma", "angiosarcoma"),
    ("sarcoma", "sarcoma"),
    ("melanoma", "melanoma"),
    ("lymphoma", "lymphoma"),
    ("leukemia", "leukemia"),
    ("myeloma", "plasma cell neoplasm"),
    ("medulloblastoma", "medulloblastoma"),
    ("glioblastoma", "glioblastoma"),
    ("gliosarcoma", "high grade glioma"),
    ("aml", "acute myeloid leukemia"),
    ("apl", "acute promyelocytic leukemia"),
    ("mds", "myelodysplastic syndrome"),
    ("dlbcl", "diffuse large B-cell lymphoma"),
    ("glioma", "glioma"),
    ("mesothelioma", "mesothelioma"),
    ("seminoma", "germ cell tumor"),
    ("cancer", "malignancy"),
    ("malignant", "malignancy"),
)


class OncoTreeError(ValueError):
    """The file is not an OncoTree release: says where and what is missing."""


@dataclass(frozen=True, slots=True)
class _Node:
    code: str
    name: str
    tissue: str
    parent: str | None
    ncit: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OncoTreeRelease:
    """The nodes of a release as concepts, and the vocabulary in which they lie beside the curated ones."""

    concepts: tuple[Concept, ...]
    vocabulary: Vocabulary
    ids: Mapping[str, str]
    """The concept id of every OncoTree code."""


def load_oncotree(path: str | Path, base: Vocabulary | None = None) -> OncoTreeRelease:
    """Read an OncoTree release (the JSON tree of its public API) and overlay it on `base` (default: the curated one).

    Raises OncoTreeError where the file is no such tree.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OncoTreeError(f"{path.name}: not JSON ({error}); supply the release's tree as downloaded") from error
    if not isinstance(content, dict) or "TISSUE" not in content:
        raise OncoTreeError(f"{path.name}: no root node TISSUE; supply the nested tree, not the flat list")
    return _overlay(tuple(_nodes(content["TISSUE"], path.name, None, "")), base or default())


def _nodes(node: object, file: str, parent: str | None, tissue: str) -> Iterator[_Node]:
    if not isinstance(node, dict) or not isinstance(node.get("code"), str) or not isinstance(node.get("name"), str):
        raise OncoTreeError(f"{file}: a node below {parent or 'the root'} has no code and name")
    code = node["code"]
    references = node.get("externalReferences") or {}
    ncit = tuple(each for each in references.get("NCI", ()) if isinstance(each, str))
    if parent == "TISSUE":
        tissue = code
    if parent is not None:
        yield _Node(code, node["name"], tissue, None if parent == "TISSUE" else parent, ncit)
    for child in (node.get("children") or {}).values():
        yield from _nodes(child, file, code, tissue)


def _overlay(nodes: tuple[_Node, ...], base: Vocabulary) -> OncoTreeRelease:
    ids = {node.code: _id_of(node, base) for node in nodes}
    taken: dict[str, Concept] = {}
    for node in nodes:
        id = ids[node.code]
        known = taken.get(id) or base.get(id)
        if known is not None:
            taken[id] = _merged(known, node, base)
        else:
            taken[id] = _added(node, ids, base, taken)
    concepts = tuple(taken.values())
    return OncoTreeRelease(concepts, base.with_concepts(concepts), MappingProxyType(ids))


def _id_of(node: _Node, base: Vocabulary) -> str:
    by_code = base.find_code("ONCOTREE", node.code, Domain.CANCER)
    if by_code:
        return by_code[0]
    if node.parent is None:
        return f"OncoTree tissue {node.name}"
    for code in node.ncit:
        by_code = base.find_code("NCIT", code, Domain.CANCER)
        if by_code:
            return by_code[0]
    by_name = base.find(node.name, Domain.CANCER)
    return by_name[0] if by_name else node.name


def _merged(known: Concept, node: _Node, base: Vocabulary) -> Concept:
    """The curated concept with the node's code, and its name where no other concept has it."""
    codes = known.codes if ("ONCOTREE", node.code) in known.codes else (*known.codes, ("ONCOTREE", node.code))
    used = {names.key(name) for name in (known.id, *known.synonyms)}
    fresh = names.key(node.name) not in used and not base.find(node.name, Domain.CANCER)
    return replace(known, codes=codes, synonyms=(*known.synonyms, node.name) if fresh else known.synonyms)


def _added(node: _Node, ids: Mapping[str, str], base: Vocabulary, taken: Mapping[str, Concept]) -> Concept:
    used = {code for concept in taken.values() for code in concept.codes}
    own = tuple(("NCIT", code) for code in node.ncit[:1] if ("NCIT", code) not in used)
    codes = (("ONCOTREE", node.code), *own)
    if node.parent is None:
        return Concept(
            ids[node.code], ids[node.code], Domain.CANCER, ("neoplasm",), (node.code,), codes, _behaviour("any")
        )
    family, malignant = _family(node.name)
    above = ids[node.parent]
    if malignant is None and _malignant(above, base, taken) and not _DOUBTFUL.intersection(names.words(node.name)):
        malignant = True
    parents = [above] if malignant or not _malignant(above, base, taken) else []
    if family is not None and family not in parents:
        parents.append(family)
    if malignant is None and not parents:
        parents.append("neoplasm")
    attributes: Mapping[str, str] = _behaviour("malignant" if malignant else "uncertain")
    if malignant is None:
        # The name does not say whether it is malignant: a record of it may be.
        attributes = MappingProxyType(
            {**attributes, "may_be": above if _malignant(above, base, taken) else "malignancy"}
        )
    return Concept(
        id=ids[node.code],
        name=node.name,
        domain=Domain.CANCER,
        parents=tuple(dict.fromkeys(parents)),
        codes=codes,
        attributes=attributes,
        site=_site(node, base),
    )


def _behaviour(value: str) -> Mapping[str, str]:
    return MappingProxyType(
        {"behaviour": value, "source": "OncoTree, CC BY 4.0, Memorial Sloan Kettering Cancer Center"}
    )


def _family(name: str) -> tuple[str | None, bool | None]:
    """The curated histology a name's noun states, and whether that is malignant (None: the name does not say)."""
    plain = f" {names.key(name)} "
    for words, family in _NOT_MALIGNANT:
        if f" {names.key(words)} " in plain:
            return family, False
    for words, family in _FAMILIES:
        if f" {names.key(words)} " in plain:
            return family, True
    return None, None


def _malignant(id: str, base: Vocabulary, taken: Mapping[str, Concept]) -> bool:
    if base.get(id) is not None:
        return base.relation(id, "malignancy") is Relation.BELOW
    return any(_malignant(parent, base, taken) for parent in taken[id].parents) if id in taken else False


def _site(node: _Node, base: Vocabulary) -> str | None:
    plain = names.tight_key(node.tissue.replace("_", " "))
    if plain in _NO_SITE:
        return None
    found = base.find(_TISSUES.get(plain, node.tissue.replace("_", " ")), Domain.SITE)
    return found[0] if found else None
