"""A column of a file as an object: what it is called, whether it must be there, and how its cell becomes a value.

A kind of file is a list of such columns, so another header or another file is data and not another branch. A blank
cell reaches no column: it says nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import timedelta

from patients.facts import CODED, RECORDED_UNKNOWN, DateProblem, PartialDate, folded, read_code
from patients.intake.reading import Reading

#: Longest text that an identifier or a coded cell may have.
SHORT = 200

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_SEVERAL = re.compile(r"\s*(?:[;|,+/]|\band\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column whose cell a reader of its kind takes itself, such as the name that is mapped to a concept."""

    name: str
    to: str = ""
    required: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The field of the fact that the cell fills."""
        return self.to or self.name

    def read(self, reading: Reading, text: str) -> None:
        """Read a cell that is not blank into the values of its row, or say what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Column):
    """A short text, kept as it is."""

    limit: int = SHORT

    def read(self, reading: Reading, text: str) -> None:
        if len(text) > self.limit:
            reading.unusable(
                "text_too_long",
                f"the text is longer than {self.limit} characters",
                column=self.name,
                remedy="shorten it",
            )
        else:
            reading.values[self.field] = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded(Column):
    """A cell with a closed list of meanings; what stands in no list is kept raw and may match anything."""

    table: str
    limit: int = SHORT

    def read(self, reading: Reading, text: str) -> None:
        reading.values[self.field] = read_coded(reading, self.name, self.table, text)[: self.limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedSet(Column):
    """Several codes in one cell."""

    table: str

    def read(self, reading: Reading, text: str) -> None:
        whole = read_code(self.table, text)
        parts = [text] if whole else [part for part in _SEVERAL.split(text) if part]
        reading.values[self.field] = sorted({read_coded(reading, self.name, self.table, part) for part in parts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Column):
    """Yes or no; anything else is not used, because there is no third value to keep."""

    def read(self, reading: Reading, text: str) -> None:
        code = read_code("yes_no", text)
        if code is not None:
            reading.values[self.field] = code == "yes"
        elif text in RECORDED_UNKNOWN:
            reading.tell_note("recorded_as_unknown", "recorded as unknown", column=self.name)
        else:
            reading.unusable(
                "not_yes_or_no",
                "the cell is neither yes nor no",
                column=self.name,
                remedy="write yes or no, or nothing",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Column):
    """A number within bounds."""

    low: float | None = None
    high: float | None = None
    whole: bool = False
    percent: bool = False

    def read(self, reading: Reading, text: str) -> None:
        value = number(text.removesuffix("%") if self.percent else text, decimal_comma=reading.decimal_comma)
        if value is None:
            reading.unusable("not_a_number", "the cell is no number", column=self.name, remedy=NUMBER_REMEDY)
        elif self.whole and value != int(value):
            reading.unusable("not_whole", "the number is not whole", column=self.name, remedy="write a whole number")
        elif (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            bounds = f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"
            reading.unusable("out_of_range", f"the number must be {bounds}", column=self.name, remedy="correct it")
        else:
            reading.values[self.field] = int(value) if self.whole else value


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDay(Column):
    """A date that may lack its day, or day and month."""

    def read(self, reading: Reading, text: str) -> None:
        if (value := read_date(reading, self.name, text)) is not None:
            reading.set_partial(self.field, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(Column):
    """A single day, up to which something is complete; of a partial date the first day, which promises least."""

    may_be_future: bool = False

    def read(self, reading: Reading, text: str) -> None:
        value = read_date(reading, self.name, text, may_be_future=True)
        if value is None:
            return
        if not value.exact:
            reading.tell_note("partial_day", f"a partial date: its first day {value.first} is taken", column=self.name)
        if value.first > reading.today and not self.may_be_future:
            reading.unusable(
                "date_in_future", "nothing is complete up to a day that has not come", column=self.name,
                remedy="write a day up to today",
            )  # fmt: skip
            return
        reading.values[self.field] = value.first


NUMBER_REMEDY = "write digits with a decimal point and nothing else, such as 1.5"


def read_coded(reading: Reading, column: str, table: str, text: str) -> str:
    """The canonical code of a text, or the text itself where no list knows it, which is told."""
    code = read_code(table, text)
    if code is not None:
        return code
    if text in RECORDED_UNKNOWN:
        reading.tell_note("recorded_as_unknown", "recorded as unknown by the source", column=column)
    else:
        reading.warn(
            "code_not_known",
            f"{table.replace('_', ' ')}: the word stands in no list; it is kept as written and may mean anything",
            column=column,
            remedy=_suggestion(table, text),
        )
    # Cut rather than dropped: a blank status would be read as present, an unknown word may mean anything.
    return text[:SHORT]


def _suggestion(table: str, text: str) -> str:
    words = {folded(word): canonical for canonical, others in CODED[table].items() for word in (canonical, *others)}
    near = difflib.get_close_matches(folded(text), words, n=1, cutoff=0.75)
    if near:
        return f"did you mean {words[near[0]]!r}?"
    return f"use one of: {', '.join(CODED[table])}"


def number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number a text writes, or None. A decimal comma is read only where the file separates its cells otherwise.

    `1,500` is read in no file: it is one and a half to some and fifteen hundred to others.
    """
    text = text.strip()
    if decimal_comma and _COMMA_NUMBER.fullmatch(text):
        whole, _, part = text.partition(",")
        if len(part) != 3 or whole.strip("+-0") == "":
            text = f"{whole}.{part}"
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if abs(value) < 1e300 else None


def read_date(reading: Reading, column: str, text: str, *, may_be_future: bool = False) -> PartialDate | None:
    """The partial date a cell writes; one that no calendar has is told and not used."""
    try:
        value = PartialDate.parse(text)
    except DateProblem as problem:
        reading.unusable("not_a_date", str(problem), column=column, remedy="write YYYY-MM-DD, YYYY-MM or YYYY")
        return None
    if value.first > reading.today + timedelta(days=1) and not may_be_future:
        reading.warn(
            "date_in_future",
            "the date has not come yet; until then the row counts for nothing",
            column=column,
            remedy="correct the date, unless it is a plan",
        )
    return value


def order(reading: Reading, earlier: str, later: str, *, column: str) -> None:
    """Make a later date unusable that certainly lies before the earlier one; the row is kept."""
    start, end = reading.partial(earlier), reading.partial(later)
    if start is not None and end is not None and end.last < start.first:
        reading.unusable(
            "end_before_start", f"the {later} lies before the {earlier}", column=column, remedy="correct one of the two"
        )
        reading.set_partial(later, None)


def range_text(text: str) -> tuple[str, str] | None:
    """The two ends of `0-1`, `0 to 1`, or None."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\s*", text)
    return (found[1], found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Interval:
    """What a value may be: closed or open ends, None where there is none."""

    low: float | None
    high: float | None
    low_open: bool = False
    high_open: bool = False


_COMPARED = re.compile(r"\s*(<=|>=|=<|=>|≤|≥|<|>|=)?\s*(.+?)\s*")
_UP = {">": True, ">=": False, "=>": False, "≥": False}
_DOWN = {"<": True, "<=": False, "=<": False, "≤": False}


def interval(text: str, *, decimal_comma: bool = False) -> Interval | None:
    """A value with its comparator, or a range: `<0.2`, `>=60`, `0-1`, `1.5`. None where it is none of these."""
    ends = range_text(text)
    if ends is not None:
        low, high = float(ends[0]), float(ends[1])
        return Interval(low, high) if low <= high else None
    found = _COMPARED.fullmatch(text)
    if found is None:
        return None
    sign, rest = found.groups()
    value = number(rest, decimal_comma=decimal_comma)
    if value is None:
        return None
    if sign in _UP:
        return Interval(value, None, low_open=_UP[sign])
    if sign in _DOWN:
        return Interval(None, value, high_open=_DOWN[sign])
    return Interval(value, value)
