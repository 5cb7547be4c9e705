"""The words of the domain: cancers, sites, conditions, drugs, procedures, genes, tests, assays, and their relations.

Plain data in CSV tables and a thin reader; knows nothing of Django. `default()` is the curated vocabulary, and
`load_oncotree` lays a tumour-type release that a user supplies over it.
"""

from patients.vocabulary.checks import check
from patients.vocabulary.concepts import Concept, Domain, Problem, Relation, Test, UnknownConcept, UnknownTest
from patients.vocabulary.oncotree import OncoTreeRelease, load_oncotree
from patients.vocabulary.reader import Vocabulary, default

__all__ = [
    "Concept",
    "Domain",
    "OncoTreeRelease",
    "Problem",
    "Relation",
    "Test",
    "UnknownConcept",
    "UnknownTest",
    "Vocabulary",
    "check",
    "default",
    "load_oncotree",
]
