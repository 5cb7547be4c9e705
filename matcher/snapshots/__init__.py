"""A registry's facts as columns: read from the database a range of patients at a time, kept as snapshots on disk."""

from matcher.snapshots.reading import Range, read_columns
from matcher.snapshots.store import BLOCK, block_of, columns_of, ranges_of

__all__ = ["BLOCK", "Range", "block_of", "columns_of", "ranges_of", "read_columns"]
