"""The algebra of codes is that of the reference's findings: every pair of answers, and quotas over triples."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from matcher.engine.bulk import findings as f
from matcher.engine.bulk.planes import Planes, count, pack, unpack
from matcher.engine.reference import algebra
from matcher.engine.results import Finding, unknown
from matcher.engine.truth import Change, Reason, Truth
from trials.criteria.tree import Bound

CODES = range(f.LEVELS)
PAIRS = list(product(CODES, CODES))


def finding(code: int) -> Finding:
    """The finding that a code stands for."""
    reason = f.reason_of(code)
    return unknown(reason) if reason is not None else Finding(f.truth_of(code), None, f.change_of(code))


def column(codes: list[int]) -> f.Findings:
    return f.Findings(np.array(codes, np.uint8))


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_truth_with_its_reason_or_change(code: int) -> None:
    assert f.code_of(finding(code)) == code
    assert f.code_of(algebra.negate(finding(code))) == int(f.negated(np.array([code], np.uint8))[0])


def test_codes_by_name() -> None:
    assert f.met(Change.TIME) == f.MET_TIME and f.met(Change.NEVER) == f.MET_NEVER
    assert f.not_met(Change.NEVER) == f.NOT_MET_NEVER and f.not_met(Change.TIME) == f.NOT_MET_TIME
    assert [f.unknown(reason) for reason in Reason] == list(range(4, 10))
    assert f.truths(np.array([0, 4, 13], np.uint8)).tolist() == [Truth.NOT_MET, Truth.UNKNOWN, Truth.MET]


def test_and_and_or_of_every_pair() -> None:
    left, right = column([a for a, _ in PAIRS]), column([b for _, b in PAIRS])
    both = [f.code_of(algebra.both([finding(a), finding(b)])) for a, b in PAIRS]
    either = [f.code_of(algebra.either([finding(a), finding(b)])) for a, b in PAIRS]
    assert f.both([left, right]).code.tolist() == both
    assert f.either([left, right]).code.tolist() == either
    assert f.either([left]).code.tolist() == left.code.tolist()
    assert f.either_codes(left.code, right.code).tolist() == either


def test_a_pattern_of_records_is_their_or_and_readings_must_agree() -> None:
    index = np.repeat(np.arange(len(PAIRS)), 2)
    codes = np.array(PAIRS, np.uint8).reshape(-1)
    n = len(PAIRS) + 1  # the last item has no record
    assert f.either_of(n, index, codes).tolist() == [
        *(f.code_of(algebra.either([finding(a), finding(b)])) for a, b in PAIRS), f.NOT_MET_NEVER,
    ]  # fmt: skip
    assert f.both_of(n, index, codes).tolist() == [
        *(f.code_of(algebra.both([finding(a), finding(b)])) for a, b in PAIRS), f.MET_NEVER,
    ]  # fmt: skip
    spread = [f.code_of(algebra.spread([finding(a), finding(b)], unknown(Reason.CONFLICTING))) for a, b in PAIRS]
    assert f.spread_of(n, index, codes, f.CONFLICTING).tolist() == [*spread, f.NOT_RECORDED]
    columns = [np.array([pair[i] for pair in PAIRS], np.uint8) for i in (0, 1)]
    assert f.spread(columns, f.CONFLICTING).tolist() == spread


@pytest.mark.parametrize(("bound", "number"), [*product(Bound, (1, 2)), (Bound.EXACTLY, 0), (Bound.EXACTLY, 3)])
def test_quotas_of_every_triple(bound: Bound, number: int) -> None:
    triples = list(product(CODES, CODES, CODES))
    parts = [column([triple[i] for triple in triples]) for i in range(3)]
    wanted = [f.code_of(algebra.quota(bound, number, [finding(code) for code in triple])) for triple in triples]
    assert f.quota(bound, number, parts).code.tolist() == wanted


def test_the_earliest_flip_counts_and_none_is_none() -> None:
    days = np.array([5, 9], np.int32)
    assert f.earlier(None, None) is None
    assert f.earlier(days, None, np.array([7, 7], np.int32)).tolist() == [5, 7]  # type: ignore[union-attr]  # there are some
    assert f.first_flip_of(2, np.array([0]), None) is None
    first = f.first_flip_of(3, np.array([0, 0, 2]), np.array([9, 4, 6], np.int32))
    assert first is not None and first[[0, 2]].tolist() == [4, 6]
    found = column([0, 13]).or_flips(days)
    assert found.take(np.array([1])).flips.tolist() == [9]  # type: ignore[union-attr]  # it has flips
    assert column([0, 13]).take(np.array([1])).flips is None


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
def test_planes_hold_what_the_codes_say(n: int) -> None:
    codes = np.random.default_rng(n).integers(0, f.LEVELS, n).astype(np.uint8)
    planes = Planes.of(codes)
    assert planes.codes().tolist() == codes.tolist()
    assert planes.negated().codes().tolist() == f.negated(codes).tolist()
    assert count(planes.met) == int((codes >= f.FIRST_MET).sum())
    assert count(planes.not_met) == int((codes < f.FIRST_UNKNOWN).sum())
    assert count(planes.unknown) == n - count(planes.met) - count(planes.not_met)
    some = np.arange(0, n, 3)
    assert planes.at(some).tolist() == codes[some].tolist()


def test_bits_are_filled_up_to_whole_words() -> None:
    mask = np.array([True, False, True])
    assert len(pack(mask)) == 8
    assert unpack(pack(mask), 3).tolist() == mask.tolist()
