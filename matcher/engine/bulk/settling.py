"""Which missing fact would settle the most pairs of a patient and a trial: the facts of many pairs, counted together.

A fact is the same wherever it is asked for if its kind, its concepts, its attribute and its window are (SEMANTICS §4);
the alternatives of an `or` are one fact. What a pair lacks is packed into eight bytes a fact, so that pairs are counted
without reading what they say; they are added some patients at a time, and memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Longs

#: "list of medications complete to 2026-01-15?" asks the same the day after.
_MOVING = re.compile(r"complete to \d{4}-\d{2}-\d{2}")
#: Bytes of a packed fact: the number of the fact, and in the last bit whether it settles the pair.
WIDTH = 8

#: A missing fact as `wire.missing_json` writes it.
Listed = Mapping[str, Any]


def undated(text: str) -> str:
    """A text without the dates in it that move with the calendar."""
    return _MOVING.sub("complete", text)


def number_of(missing: Listed) -> int:
    """The number of a fact, of 63 bits: the same for the same fact, whoever asks for it in whatever words."""
    told = [missing["kind"], sorted(missing["concepts"]), missing["attribute"], missing["window"]]
    return int.from_bytes(hashlib.blake2b(json.dumps(told).encode(), digest_size=WIDTH).digest()) >> 1


def code(number: int, *, settles: bool) -> bytes:
    """A fact as it stands in a packed list."""
    return (number << 1 | settles).to_bytes(WIDTH)


def packed(missing: Iterable[Listed]) -> bytes:
    """What a pair lacks, packed: each fact once, though two groups of alternatives may read alike."""
    facts: dict[int, bool] = {}
    for each in missing:
        number = number_of(each)
        facts[number] = facts.get(number, False) or bool(each["settles"])
    return b"".join(code(number, settles=settles) for number, settles in facts.items())


@dataclass(frozen=True, slots=True)
class Reach:
    """So many pairs, of so many patients, in these trials (by key)."""

    pairs: int = 0
    patients: int = 0
    trials: frozenset[int] = frozenset()

    def __add__(self, other: Reach) -> Reach:
        """Together with the reach among other patients."""
        return Reach(self.pairs + other.pairs, self.patients + other.patients, self.trials | other.trials)


@dataclass(frozen=True, slots=True)
class MissingFact:
    """A fact that pairs lack: `settles` are those it would settle whatever its value, `asked` all that ask for it."""

    id: str
    kind: str
    concepts: tuple[str, ...]
    attribute: str
    window: str
    text: str
    settles: Reach
    asked: Reach

    @property
    def first(self) -> tuple[Any, ...]:
        """What comes first: what settles most pairs, then what most ask for."""
        settles, asked = self.settles, self.asked
        return -settles.pairs, -settles.patients, -asked.pairs, -asked.patients, self.text, self.id


def id_of(number: int) -> str:
    """The number of a fact as addresses write it."""
    return f"{number:016x}"


def together(found: Iterable[Sequence[MissingFact]]) -> tuple[MissingFact, ...]:
    """The missing facts of several registries, which share no patient, in their order."""
    facts: dict[str, MissingFact] = {}
    for each in (fact for facts_of_one in found for fact in facts_of_one):
        old = facts.get(each.id, replace(each, settles=Reach(), asked=Reach()))
        facts[each.id] = replace(old, settles=old.settles + each.settles, asked=old.asked + each.asked)
    return in_order(facts.values())


def in_order(facts: Iterable[MissingFact]) -> tuple[MissingFact, ...]:
    """Facts, those first that settle most pairs."""
    return tuple(sorted(facts, key=lambda fact: fact.first))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs that need facts, of patients who live: key, patient (ascending), trial, its offer, and what each lacks."""

    key: Longs
    patient: Longs
    trial: Longs
    offered: NDArray[np.bool_]
    lacks: Sequence[bytes]


#: What is counted of a fact: pairs that it settles or that ask for it, of every trial or of those offered.
_WHAT = tuple((settles, offered) for settles in (True, False) for offered in (False, True))


@dataclass(slots=True)
class Tally:
    """The reach of each missing fact over pairs that are added; `named` is the key of a pair that asks for it."""

    reach: dict[tuple[bool, bool], dict[int, Reach]] = field(
        default_factory=lambda: {what: defaultdict(Reach) for what in _WHAT}
    )
    named: dict[int, int] = field(default_factory=dict)

    def add(self, pairs: Pairs) -> None:
        """Add all pairs of some patients."""
        codes = np.frombuffer(b"".join(pairs.lacks), ">u8").astype(np.uint64)
        of = np.repeat(np.arange(len(pairs.key)), [len(lacks) // WIDTH for lacks in pairs.lacks])
        numbers, fact = np.unique(codes >> np.uint64(1), return_inverse=True)
        # By fact, the pairs of each in their order, and so the patients: small numbers are sorted in one pass.
        fact = fact.astype(np.uint16 if len(numbers) <= 1 << 16 else np.int64)
        order = np.argsort(fact, kind="stable")
        fact, of, settles = fact[order].astype(np.int64), of[order], (codes[order] & np.uint64(1)).astype(np.bool_)
        offered = pairs.offered[of]
        facts = numbers.tolist()
        for number, key in zip(facts, pairs.key[of[_first(fact)]].tolist(), strict=True):
            self.named.setdefault(number, key)
        trials, trial = np.unique(pairs.trial, return_inverse=True)
        for settling, offering in _WHAT:
            chosen = np.ones(len(fact), np.bool_)
            if settling:
                chosen &= settles
            if offering:
                chosen &= offered
            self._add(self.reach[settling, offering], facts, fact[chosen], pairs.patient, trials, trial, of[chosen])

    @staticmethod
    def _add(
        reach: dict[int, Reach], facts: list[int], fact: Longs, patient: Longs, trials: Longs, trial: Longs,
        of: NDArray[np.intp],
    ) -> None:  # fmt: skip
        number = np.bincount(fact, minlength=len(facts))
        who = np.bincount(fact[_first(fact, patient[of])], minlength=len(facts))
        where = np.zeros((len(facts), len(trials)), np.bool_)
        where[fact, trial[of]] = True
        for index in np.flatnonzero(number).tolist():
            found = Reach(int(number[index]), int(who[index]), frozenset(trials[where[index]].tolist()))
            reach[facts[index]] = reach[facts[index]] + found

    def facts(self, listed: Mapping[int, Iterable[Listed]], *, offered: bool) -> tuple[MissingFact, ...]:
        """The facts that pairs of offered trials lack, or of every trial; `listed` has what each named pair lacks."""
        found = []
        for number, asked in self.reach[False, offered].items():
            (fact, *_) = (each for each in listed[self.named[number]] if number_of(each) == number)
            settles = self.reach[True, offered].get(number, Reach())
            concepts, attribute = tuple(sorted(fact["concepts"])), fact["attribute"]
            text = undated(fact["text"])
            if attribute == "details":
                # Each asks for them in the words of its own rule.
                text = f"details of {fact['kind'].replace('_', ' ')}" + f": {', '.join(concepts)}" * bool(concepts)
            found.append(
                MissingFact(id_of(number), fact["kind"], concepts, attribute, fact["window"], text, settles, asked)
            )
        return in_order(found)


def _first(*columns: Longs) -> NDArray[np.bool_]:
    """Which rows differ from the one before in one of some columns."""
    found = np.zeros(len(columns[0]), np.bool_)
    found[:1] = True
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found
