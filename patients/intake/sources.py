"""From what was sent to rows of text: one CSV, or a zip of several, read as a stream and trusted in nothing.

A file is decoded line by line, so that an error of encoding names its row; sizes are capped by what is really read,
not by what an archive claims; no name inside an archive ever becomes a path.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from patients.intake.problems import Problem, Severity, UnusableFile

#: Longest cell, in characters, and longest line, in bytes.
MAX_FIELD = 1_000_000
MAX_LINE = 4_000_000
#: Most that one upload may unpack to, and how many times larger than its archive a member may be.
MAX_BYTES = 1_000_000_000
MAX_RATIO = 200
#: Below this size no ratio is suspicious: a short table of blanks packs well.
RATIO_FROM = 10_000_000
MAX_MEMBERS = 100
MAX_COLUMNS = 2_000

ENCODINGS = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}
_ENCODING_NAMES = {
    "utf8": "utf-8-sig", "utf8sig": "utf-8-sig", "cp1252": "cp1252", "windows1252": "cp1252", "latin1": "cp1252",
    "iso88591": "cp1252",
}  # fmt: skip
SUFFIXES = {".csv", ".tsv", ".txt", ".tab"}
_DELIMITERS = ",;\t"

# The limit belongs to the csv module as a whole; its default of 131,072 would refuse what we accept.
csv.field_size_limit(MAX_FIELD)


class Lines(Protocol):
    """What a table is read from: bytes, line by line."""

    def readline(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a table: its number (the header is 1) and its cells."""

    number: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was recognised as a table: its header, and its rows, which can be read again."""

    name: str
    header: tuple[str, ...]
    delimiter: str
    open: Callable[[], Generator[Row, None, None]]
    rows_about: int


def encoding_named(name: str) -> str:
    """The codec of an encoding as people write it; raises ValueError for one that is not read."""
    found = _ENCODING_NAMES.get("".join(c for c in name.casefold() if c.isalnum()))
    if found is None:
        raise ValueError(f"the encoding {name!r} is not read: choose {' or '.join(ENCODINGS.values())}")
    return found


def tables(file: BinaryIO, *, name: str, encoding: str = "utf-8-sig") -> tuple[list[Table], list[Problem]]:
    """The tables of what was sent (a CSV or a zip of CSVs), and what was passed over. Raises UnusableFile."""
    start = file.read(4)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_tables(file, name, encoding)
    if PurePosixPath(name).suffix.casefold() == ".zip":
        raise UnusableFile(file=name, message="this is no zip archive", remedy="pack the files again and send that")
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise _too_large(name)

    def again() -> Lines:
        file.seek(0)
        return _KeptOpen(file)

    return [_table(name, again, encoding)], []


class _KeptOpen:
    """A view of a file that belongs to someone else: closing it leaves the file open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readline(self, size: int = -1, /) -> bytes:
        return self._file.readline(size)

    def close(self) -> None:
        """Leave the file as it is."""


class _Capped:
    """A member of an archive that ends with an error where it grows beyond what it may."""

    def __init__(self, stream: Lines, *, limit: int, name: str) -> None:
        self._stream, self._left, self._name = stream, limit, name

    def readline(self, size: int = -1, /) -> bytes:
        try:
            line = self._stream.readline(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise UnusableFile(
                file=self._name, message="the archive is damaged here", remedy="pack the files again and send that"
            ) from error
        self._left -= len(line)
        if self._left < 0:
            raise _bomb(self._name)
        return line

    def close(self) -> None:
        self._stream.close()


def _too_large(name: str) -> UnusableFile:
    return UnusableFile(
        file=name,
        message=f"the upload unpacks to more than {MAX_BYTES // 1_000_000} MB",
        remedy="send it in several uploads",
    )


def _bomb(name: str) -> UnusableFile:
    return UnusableFile(
        file=name,
        message=f"the archive unpacks to more than {MAX_RATIO} times its size or {MAX_BYTES // 1_000_000} MB",
        remedy="send the CSV files themselves, or several smaller archives",
    )


def _zip_tables(file: BinaryIO, name: str, encoding: str) -> tuple[list[Table], list[Problem]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnusableFile(
            file=name, message="the zip archive is damaged", remedy="pack the files again and send that"
        ) from error
    members = [member for member in archive.infolist() if not _is_furniture(member)]
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise UnusableFile(
            file=name, message="this is a workbook and no CSV", remedy="save each sheet as CSV UTF-8 and send that"
        )
    if len(members) > MAX_MEMBERS:
        raise UnusableFile(
            file=name,
            message=f"the archive holds more than {MAX_MEMBERS} files",
            remedy="send one CSV per kind of fact",
        )
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise _bomb(name)
    found: dict[str, Table] = {}
    passed_over: list[Problem] = []
    for member in members:
        base = PurePosixPath(member.filename.replace("\\", "/")).name
        if PurePosixPath(base).suffix.casefold() not in SUFFIXES:
            passed_over.append(not_a_table(base))
            continue
        if base in found:
            raise UnusableFile(
                file=base, message="the archive holds two files of this name", remedy="give each file its own name"
            )
        if member.flag_bits & 0x1:
            raise UnusableFile(file=base, message="the file is encrypted", remedy="pack it without a password")
        if member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise _bomb(base)
        limit = max(RATIO_FROM, min(MAX_BYTES, MAX_RATIO * max(member.compress_size, 1)))

        def open_member(member: zipfile.ZipInfo = member, base: str = base, limit: int = limit) -> Lines:
            try:
                stream = archive.open(member)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
                raise UnusableFile(
                    file=base, message="the file cannot be unpacked", remedy="pack it again as an ordinary zip"
                ) from error
            return _Capped(stream, limit=limit, name=base)

        found[base] = _table(base, open_member, encoding)
    if not found:
        raise UnusableFile(
            file=name, message="the archive holds no CSV file", remedy="pack the CSV files into it, at its top level"
        )
    return list(found.values()), passed_over


def _is_furniture(member: zipfile.ZipInfo) -> bool:
    """Folders, and what a desktop adds by itself."""
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    return member.is_dir() or not parts or "__MACOSX" in parts or parts[-1].startswith(".")


def not_a_table(name: str) -> Problem:
    """The note that a file was passed over."""
    return Problem(
        severity=Severity.NOTE,
        code="file_not_a_table",
        message="the file is no CSV and was not read",
        remedy="nothing, unless it holds facts",
        file=name,
    )


def _table(name: str, opener: Callable[[], Lines], encoding: str) -> Table:
    """Read the header, and count the lines, so that progress has an end. Raises UnusableFile."""
    lines = 0
    with closing(opener()) as stream:
        first = stream.readline(MAX_LINE)
        wide = _wide_encoding(first)
        if wide is not None:
            raise UnusableFile(
                file=name, row=1, message=f"the file is {wide}", remedy="save it as CSV UTF-8 and send that"
            )
        if b"\r" in first.removesuffix(b"\n").removesuffix(b"\r") and b'"' not in first:
            raise UnusableFile(
                file=name,
                row=1,
                message="the rows end with a carriage return alone",
                remedy="save the file with ordinary line ends (LF or CRLF) and send that",
            )
        while stream.readline(MAX_LINE):
            lines += 1
    delimiter = _delimiter(first.decode(encoding, errors="replace"))

    def records() -> Generator[Row, None, None]:
        with closing(opener()) as stream:
            yield from _records(stream, name, delimiter, encoding)

    rows = records()
    with closing(rows):
        header = next((row for row in rows if any(cell.strip() for cell in row.cells)), None)
    if header is None:
        raise UnusableFile(
            file=name, message="the file is empty", remedy="send a file with a header row and a row per record"
        )
    names = [cell.strip() for cell in header.cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise UnusableFile(
            file=name,
            row=header.number,
            message=f"the header has more than {MAX_COLUMNS} columns",
            remedy="check that the rows are separated by line ends",
        )
    seen: dict[str, str] = {}
    for column in names:
        same = header_key(column)
        if same and same in seen:
            raise UnusableFile(
                file=name,
                row=header.number,
                column=column,
                message=f"the column {column[:80]!r} stands twice in the header",
                remedy="remove or rename one of the two",
            )
        seen[same] = column

    def data() -> Generator[Row, None, None]:
        with closing(records()) as all_rows:
            for row in all_rows:
                if row.number > header.number and any(cell.strip() for cell in row.cells):
                    yield row

    return Table(name=name, header=tuple(names), delimiter=delimiter, open=data, rows_about=lines)


def _wide_encoding(first: bytes) -> str | None:
    """The encoding of several bytes a letter that a file begins in, by its mark or because each other byte is NUL."""
    if first.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    start = first[:200]
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    for offset in (0, 1):
        every_other = start[offset::2]
        if len(every_other) > 3 and not any(every_other[:-1]):
            return "UTF-16"
    return None


def header_key(column: str) -> str:
    """The form in which header names are compared: lower case, one underscore for spaces and hyphens."""
    return "_".join(column.strip().casefold().replace("-", " ").replace("_", " ").split())


def _delimiter(line: str) -> str:
    """The separator that stands most often in the header outside of quotes; a comma where none does."""
    counts = dict.fromkeys(_DELIMITERS, 0)
    quoted = False
    for character in line:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in counts:
            counts[character] += 1
    return max(_DELIMITERS, key=lambda each: counts[each]) if any(counts.values()) else ","


def _records(stream: Lines, name: str, delimiter: str, encoding: str) -> Generator[Row, None, None]:
    number = 0

    def decoded() -> Iterator[str]:
        first = True
        while line := stream.readline(MAX_LINE):
            if len(line) >= MAX_LINE and not line.endswith(b"\n"):
                raise UnusableFile(
                    file=name,
                    row=number + 1,
                    message=f"a line is longer than {MAX_LINE // 1_000_000} MB",
                    remedy="check that quotes are closed and rows end with a line end",
                )
            if b"\0" in line:
                raise UnusableFile(
                    file=name,
                    row=number + 1,
                    message=f"byte {line.index(0) + 1} of the line is a NUL byte",
                    remedy="export the file again as text; it is damaged or not a CSV",
                )
            try:
                text = line.decode("utf-8" if encoding == "utf-8-sig" else encoding)
            except UnicodeDecodeError as error:
                raise UnusableFile(
                    file=name,
                    row=number + 1,
                    message=(
                        f"byte 0x{line[error.start]:02X} at place {error.start + 1} of the line is not "
                        f"{ENCODINGS.get(encoding, encoding)}"
                    ),
                    remedy="save the file as CSV UTF-8, or declare its encoding if it is Windows-1252"
                    if encoding == "utf-8-sig"
                    else "save the file as CSV UTF-8",
                ) from None
            yield text.removeprefix("\ufeff") if first else text
            first = False

    # Strict: a quote that is never closed would otherwise swallow the rest of the file in silence.
    reader = csv.reader(decoded(), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            if "field limit" in str(error):
                raise UnusableFile(
                    file=name,
                    row=number,
                    message=f"a cell is longer than {MAX_FIELD:,} characters",
                    remedy="shorten the cell, or check that quotes are closed",
                ) from None
            raise UnusableFile(
                file=name,
                row=number,
                message="the quotes of this row are not well formed",
                remedy='close every quote, and write a quote inside a quoted cell as ""',
            ) from None
        number += 1
        yield Row(number, cells)
