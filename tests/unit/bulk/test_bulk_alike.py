"""Groups of rows that say the same in several columns."""

import numpy as np
import pytest

from matcher.engine.bulk.alike import alike

WIDE = [0, 2**31, 2**31 - 5, 0]

#: Columns, and the group that each row must share with others, told by the first of its rows.
CASES = {
    "nothing": ([[]], []),
    "one row": ([[7]], [0]),
    "one column": ([[3, 1, 3]], [0, 1, 0]),
    "all must agree": ([[1, 1, 1, 1], [5, 5, 6, 5], [0, 2, 0, 0]], [0, 1, 2, 0]),
    "a column of one value tells nothing apart": ([[4, 4], [9, 9]], [0, 0]),
    "below zero": ([[-1, 0, -1]], [0, 1, 0]),
    "more values than one number holds": ([WIDE, WIDE[::-1], WIDE, WIDE[::-1]], [0, 1, 2, 0]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rows_that_agree_share_a_group(case):
    columns, expected = CASES[case]
    first, of = alike([np.array(column, np.int64) for column in columns])
    assert first[of].tolist() == expected


def test_days_and_truths_are_columns_too():
    days, marks = np.array([700_000, 1, 700_000], np.int32), np.array([True, True, True])
    first, of = alike([days, marks])
    assert first[of].tolist() == [0, 1, 0]
