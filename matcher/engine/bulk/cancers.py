"""What hangs on the cancer a document is about, and what is the same whichever it is.

Most leaves of most rules (a laboratory value, a comorbidity, an exposure) ask of the patient and not of one of the
patient's cancers. They are answered once for all documents; only the others are asked anew for each cancer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Coded
from matcher.engine.reference.context import Context
from matcher.engine.reference.records.coverage import METASTASIS
from patients.vocabulary import Domain, Relation
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind

#: Kinds of record that are always of a cancer, or whose silence is read by the cancer a document is about.
_OF_A_CANCER = frozenset({Kind.DIAGNOSIS, Kind.DISEASE_STATUS, Kind.LINE})

#: Fields of a treatment that are read within a cancer.
_WITHIN_A_CANCER = frozenset({"setting", "line", "outcome", "for"})

#: Kinds that may hold a metastasis, which belongs to one of the cancers.
_MAY_BE_SPREAD = frozenset({Kind.CONDITION, Kind.SITE, Kind.TOXICITY})


class _Hangs(IntEnum):
    """Whether a rule hangs on the cancer: only where some row is an odd metastasis, it does so by its records."""

    NEVER = 0
    IF_ODD = 1
    ALWAYS = 2


def hangs_on_cancer(batch: Batch, rule: t.Rule) -> bool:
    """Whether what a rule says of a patient may differ from one of the patient's cancers to another."""
    key = ("hangs on cancer", id(rule))
    held: tuple[t.Rule, _Hangs] | None = batch.of_rules.get(key)
    if held is None:
        # The rule is kept, so that its identity stays its own.
        held = batch.of_rules[key] = (rule, _hangs(batch, rule))
    return held[1] is _Hangs.ALWAYS or (held[1] is _Hangs.IF_ODD and _some_odd(batch))


def _hangs(batch: Batch, rule: t.Rule) -> _Hangs:
    return max((_is_of_a_cancer(batch, node) for node in _nodes(rule, batch.words)), default=_Hangs.NEVER)


def _some_odd(batch: Batch) -> bool:
    return batch.view.once("odd metastases", lambda: _odd_metastases(batch))


def _nodes(node: Any, words: Context) -> Iterator[Any]:
    """Every node of a tree; a rule under a name stands for itself."""
    if isinstance(node, t.Named):
        node = words.defined_rule(node.name)
    if isinstance(node, tuple):
        for part in node:
            yield from _nodes(part, words)
    elif is_dataclass(node) and not isinstance(node, type):
        yield node
        for each in fields(node):
            yield from _nodes(getattr(node, each.name), words)


def _is_of_a_cancer(batch: Batch, node: Any) -> _Hangs:
    if not isinstance(node, t.Records):
        return _Hangs.NEVER
    if node.kind in _OF_A_CANCER:
        return _Hangs.ALWAYS
    if _WITHIN_A_CANCER & {item.field for item in node.tests}:
        return _Hangs.ALWAYS
    if node.kind not in _MAY_BE_SPREAD:
        return _Hangs.NEVER
    return _Hangs.ALWAYS if _may_be_spread(batch, node) else _Hangs.IF_ODD


def _may_be_spread(batch: Batch, records: t.Records) -> bool:
    """Whether a metastasis may be among the records a pattern of conditions asks for, if none has an odd name."""
    if records.concepts.is_any:
        return True
    vocabulary = batch.vocabulary
    return any(
        vocabulary.concept(id_).domain is Domain.CANCER
        or vocabulary.relation(METASTASIS, id_) is not Relation.DISJOINT
        or vocabulary.relation(id_, METASTASIS) is not Relation.DISJOINT
        for id_ in batch.words.concepts(records.concepts, CONCEPT_DOMAINS[records.kind])
    )


def _odd_metastases(batch: Batch) -> bool:
    """Whether some row of the kind *metastasis* is named after what is neither a tumour nor its spread."""
    table = batch.table("conditions")
    kind = table.coded["kind"]
    rows = np.flatnonzero(kind.codes == kind.code_of(METASTASIS))

    def odd(column: Coded) -> bool:
        held = np.unique(column.codes[rows])
        return any(_names_something_else(batch, id_) for code in held for id_ in column.values[code])

    return odd(table.coded["concepts"]) or odd(table.coded["histologies"])


def _names_something_else(batch: Batch, id_: str) -> bool:
    concept = batch.vocabulary.concept(id_)
    return concept.domain is not Domain.CANCER and not batch.vocabulary.is_below(id_, METASTASIS)
