"""Which missing fact would settle the most pairs of a patient and a trial: the facts of many pairs, counted together.

What a pair lacks is told by one number, the digest of its list of missing facts. Lists are few against pairs, so only
one of each is read, and the pairs are columns of numbers. A fact is the same wherever it is asked for if its kind, its
concepts, its attribute and its window are (SEMANTICS §4); the alternatives of an `or` are one fact.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Longs

#: "list of medications complete to 2026-01-15?" asks the same the day after.
_MOVING = re.compile(r"complete to \d{4}-\d{2}-\d{2}")
#: 63 bits: what a signed column of a database holds.
_BITS = (1 << 63) - 1

#: The facts that a pair lacks, as `wire.missing_json` writes each.
Listed = Sequence[Mapping[str, Any]]
_Identity = tuple[str, tuple[str, ...], str, str]


def undated(text: str) -> str:
    """A text without the dates in it that move with the calendar."""
    return _MOVING.sub("complete", text)


def digest_of(missing: Listed) -> int:
    """A number for a list of missing facts: the same for the same facts that settle the same. 0: nothing is missing."""
    if not missing:
        return 0
    told = sorted((_identity(each), bool(each["settles"])) for each in missing)
    return int.from_bytes(hashlib.blake2b(json.dumps(told).encode(), digest_size=8).digest()) & _BITS or 1


def _identity(missing: Mapping[str, Any]) -> _Identity:
    return missing["kind"], tuple(sorted(missing["concepts"])), missing["attribute"], missing["window"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs that need facts, of patients who live: the digest of what each lacks, its patient, trial, and offer."""

    lacks: Longs
    patient: Longs
    trial: Longs
    offered: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reach:
    """So many pairs, of so many patients, in these trials (by key)."""

    pairs: int = 0
    patients: int = 0
    trials: frozenset[int] = frozenset()

    def __add__(self, other: Reach) -> Reach:
        """Together with the reach in another registry, which shares no patient."""
        return Reach(self.pairs + other.pairs, self.patients + other.patients, self.trials | other.trials)


@dataclass(frozen=True, slots=True)
class MissingFact:
    """A fact that pairs lack: `settles` are those it would settle whatever its value, `asked` all that ask for it.

    `text` is how most of them word it, `wordings` how many other ways there are.
    """

    id: str
    kind: str
    concepts: tuple[str, ...]
    attribute: str
    window: str
    text: str
    wordings: int
    settles: Reach
    asked: Reach

    @property
    def first(self) -> tuple[Any, ...]:
        """What comes first: what settles most pairs, then what most ask for."""
        settles, asked = self.settles, self.asked
        return -settles.pairs, -settles.patients, -asked.pairs, -asked.patients, self.text, self.id


@dataclass(frozen=True, slots=True)
class Settling:
    """The missing facts of many pairs, most settled first: of `every` pair, and of those of `offered` trials.

    `lists` has for each fact by its id the digests of the lists it stands in, and of those in which it settles.
    """

    every: tuple[MissingFact, ...] = ()
    offered: tuple[MissingFact, ...] = ()
    lists: Mapping[str, tuple[Longs, Longs]] = field(default_factory=dict)


def settling(pairs: Pairs, listed: Mapping[int, Listed]) -> Settling:
    """Count the missing facts of pairs; `listed` has one list for each digest among them."""
    standing: dict[_Identity, dict[int, bool]] = defaultdict(dict)
    worded: dict[_Identity, dict[int, str]] = defaultdict(dict)
    for digest, missing in listed.items():
        for each in missing:
            identity = _identity(each)
            standing[identity][digest] = standing[identity].get(digest, False) or bool(each["settles"])
            worded[identity][digest] = undated(each["text"])
    every, offered, lists = list[MissingFact](), list[MissingFact](), {}
    of_all, of_offered = _Grouped(pairs), _Grouped(_some(pairs, pairs.offered))
    for identity, digests in standing.items():
        id_ = hashlib.blake2b(json.dumps(identity).encode(), digest_size=8).hexdigest()
        inside = np.fromiter(digests, np.int64, len(digests))
        settled = np.array([digest for digest, settles in digests.items() if settles], np.int64)
        lists[id_] = inside, settled
        for grouped, found in ((of_all, every), (of_offered, offered)):
            asked = grouped.reach(inside)
            if not asked.pairs:
                continue
            texts = Counter[str]()
            for digest, text in worded[identity].items():
                texts[text] += grouped.pairs_of(digest)
            (text, _), *others = sorted(((text, n) for text, n in texts.items() if n), key=lambda of: (-of[1], of[0]))
            found.append(MissingFact(id_, *identity, text, len(others), grouped.reach(settled), asked))
    return Settling(_in_order(every), _in_order(offered), lists)


def together(found: Iterable[Sequence[MissingFact]]) -> tuple[MissingFact, ...]:
    """The missing facts of several registries, which share no patient."""
    facts: dict[str, MissingFact] = {}
    for each in (fact for facts_of_one in found for fact in facts_of_one):
        old = facts.get(each.id)
        if old is not None:
            said = max(old, each, key=lambda fact: fact.asked.pairs)
            each = replace(said, settles=old.settles + each.settles, asked=old.asked + each.asked)
        facts[each.id] = each
    return _in_order(facts.values())


def _in_order(facts: Iterable[MissingFact]) -> tuple[MissingFact, ...]:
    return tuple(sorted(facts, key=lambda fact: fact.first))


def _some(pairs: Pairs, chosen: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.lacks[chosen], pairs.patient[chosen], pairs.trial[chosen], pairs.offered[chosen])


class _Grouped:
    """Pairs in the order of what they lack."""

    def __init__(self, pairs: Pairs) -> None:
        order = np.argsort(pairs.lacks, kind="stable")
        self.patient, self.trial = pairs.patient[order], pairs.trial[order]
        digests, first, number = np.unique(pairs.lacks[order], return_index=True, return_counts=True)
        self.rows = {
            digest: slice(start, start + count)
            for digest, start, count in zip(digests.tolist(), first.tolist(), number.tolist(), strict=True)
        }

    def pairs_of(self, digest: int) -> int:
        """How many pairs lack what a digest stands for."""
        rows = self.rows.get(digest)
        return rows.stop - rows.start if rows is not None else 0

    def reach(self, digests: Longs) -> Reach:
        """The pairs that lack what one of some digests stands for."""
        rows = [self.rows[digest] for digest in digests.tolist() if digest in self.rows]
        if not rows:
            return Reach()
        patient = np.concatenate([self.patient[each] for each in rows])
        trial = np.concatenate([self.trial[each] for each in rows])
        return Reach(len(patient), len(np.unique(patient)), frozenset(np.unique(trial).tolist()))
