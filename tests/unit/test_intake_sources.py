"""From bytes to rows: what is read, and each file that cannot be, with its place and its remedy."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from patients.intake import sources
from patients.intake.problems import UnusableFile


def rows(content: bytes, *, name: str = "conditions.csv", encoding: str = "utf-8-sig") -> list[tuple[int, list[str]]]:
    tables, _ = sources.tables(io.BytesIO(content), name=name, encoding=encoding)
    return [(row.number, row.cells) for table in tables for row in table.open()]


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", [(2, ["1", "2"])]),
        (b"a;b\n1,5;2\n", [(2, ["1,5", "2"])]),
        (b"a\tb\r\n1\t2\r\n", [(2, ["1", "2"])]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [(2, ["1", "2"])]),
        (b'a,b\n"1, and more","say ""x"""\n', [(2, ["1, and more", 'say "x"'])]),
        (b"a,b\n\n1,2\n,\n3,4", [(3, ["1", "2"]), (5, ["3", "4"])]),
        (b'"a;x",b\n1,2\n', [(2, ["1", "2"])]),
        ("a,b\nL\u00e9iomyosarcome,2\n".encode(), [(2, ["Léiomyosarcome", "2"])]),
        (b"a\n1\n", [(2, ["1"])]),
        (b'a,b\n"two\nlines",2\n3,4\n', [(2, ["two\nlines", "2"]), (3, ["3", "4"])]),
    ],
    ids=["comma", "semicolon", "tab", "byte order mark", "quotes", "blank lines", "quoted delimiter in header",
         "accents", "one column", "a cell over two lines"],
)  # fmt: skip
def test_reads(content: bytes, expected: list[tuple[int, list[str]]]) -> None:
    assert rows(content) == expected


def test_windows_1252_is_read_where_declared() -> None:
    assert rows("a,b\nnaïve,2\n".encode("cp1252"), encoding="cp1252") == [(2, ["naïve", "2"])]


def test_rows_can_be_read_twice() -> None:
    (table,), _ = sources.tables(io.BytesIO(b"a,b\n1,2\n"), name="x.csv")
    assert list(table.open()) == list(table.open())


UNUSABLE: list[tuple[str, bytes, str, int | None, str]] = [
    ("empty", b"", "the file is empty", None, "header row"),
    ("blank lines only", b"\n\n", "the file is empty", None, "header row"),
    ("NUL byte", b"a,b\n1,2\n3,\x004\n", "NUL byte", 3, "not a CSV"),
    ("wrong encoding", b"a,b\n1,2\nna\xefve,2\n", "byte 0xEF at place 3 of the line is not UTF-8", 3, "Windows-1252"),
    ("UTF-16", "a,b\n1,2\n".encode("utf-16"), "UTF-16", 1, "CSV UTF-8"),
    ("UTF-16 without its mark", "first,second\n1,2\n".encode("utf-16-le"), "UTF-16", 1, "CSV UTF-8"),
    ("UTF-16 of the other order", "first,second\n1,2\n".encode("utf-16-be"), "UTF-16", 1, "CSV UTF-8"),
    ("UTF-32", "a,b\n1,2\n".encode("utf-32"), "UTF-32", 1, "CSV UTF-8"),
    ("carriage returns alone", b"a,b\r1,2\r3,4\r", "carriage return", 1, "line ends"),
    ("a line of 5 MB", b"a,b\n1,2" + b"," * 5_000_000 + b"\n", "a line is longer than 4 MB", 2, "quotes are closed"),
    ("50,001 columns", b"a" + b",b" * 50_000 + b"\n", "more than 2000 columns", 1, "line ends"),
    ("a header in another encoding", "a,größe\n1,2\n".encode("latin-1"), "not UTF-8", 1, "Windows-1252"),
    ("NUL in the header", b"a,\0b\n1,2\n", "NUL byte", 1, "not a CSV"),
    ("NUL inside quotes", b'a,b\n1,"x\ny\0"\n', "NUL byte", 2, "not a CSV"),
    ("5 MB field", b"a,b\n1," + b"x" * 5_000_000 + b"\n", "longer than", 2, "quotes are closed"),
    ("2 MB field", b"a,b\n1,2\n1," + b"x" * 2_000_000 + b"\n", "longer than 1,000,000 characters", 3, "shorten"),
    ("quote never closed", b'a,b\n1,2\n"3,4\n5,6\n', "quotes of this row", 3, "close every quote"),
    ("header twice", b"a,b,A\n1,2,3\n", "the column 'A' stands twice", 1, "rename"),
    ("broken zip", b"PK\x03\x04 but nothing else", "damaged", None, "pack the files again"),
]


@pytest.mark.parametrize(("content", "message", "row", "remedy"), [case[1:] for case in UNUSABLE],
                         ids=[case[0] for case in UNUSABLE])  # fmt: skip
def test_unusable_file_says_where_and_what_to_do(content: bytes, message: str, row: int | None, remedy: str) -> None:
    with pytest.raises(UnusableFile) as told:
        rows(content)
    problem = told.value.problem
    assert (problem.file, problem.row) == ("conditions.csv", row)
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_zip_is_its_tables() -> None:
    content = packed(
        {
            "export/patients.csv": b"patient_id\nP-1\n",
            "../../etc/conditions.csv": b"patient_id,condition\nP-1,x\n",
            "__MACOSX/._patients.csv": b"\0\0",
            "readme.pdf": b"%PDF",
        }
    )
    tables, passed_over = sources.tables(io.BytesIO(content), name="all.zip")
    assert [table.name for table in tables] == ["patients.csv", "conditions.csv"], "names are names, never paths"
    assert [problem.file for problem in passed_over] == ["readme.pdf"]


def encrypted() -> bytes:
    content = bytearray(packed({"a.csv": b"a\n1\n"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def lying_about_its_size() -> bytes:
    """An archive whose directory claims a hundred bytes for a member of twenty megabytes."""
    content = bytearray(packed({"a.csv": b"a,b\n" + b"1,2\n" * 5_000_000}))
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    return bytes(content)


def flipped() -> bytes:
    """An archive that lost some bytes in the middle of what it packs."""
    content = bytearray(packed({"a.csv": b"a,b\n" + bytes(range(48, 123)) * 40}))
    content[60:70] = b"\xff" * 10
    return bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (flipped, "damaged"),
        (lambda: packed({"a.csv": b"a,b\n1,2\n" * 9})[:-40], "damaged"),
        (lambda: packed({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "workbook and no CSV"),
        (lambda: packed({"inner.zip": packed({"a.csv": b"a\n1\n"})}), "no CSV file"),
        (lambda: packed({}), "no CSV file"),
        (lambda: packed({"a.csv": b"a,b\n" + b"0" * 20_000_000}), "times its size"),
        (lying_about_its_size, "damaged|times its size"),
        (lambda: packed({f"{i}.csv": b"a\n1\n" for i in range(101)}), "more than 100 files"),
        (lambda: packed({"one/a.csv": b"a\n1\n", "two/a.csv": b"a\n2\n"}), "two files of this name"),
        (lambda: packed({"notes.pdf": b"x"}), "no CSV file"),
        (encrypted, "encrypted"),
    ],
    ids=[
        "bytes lost",
        "end lost",
        "workbook",
        "zip in a zip",
        "nothing in it",
        "bomb",
        "bomb that lies",
        "too many files",
        "same name twice",
        "no table",
        "encrypted",
    ],
)
def test_a_zip_is_not_trusted(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(UnusableFile, match=message):
        rows(make(), name="all.zip")


def test_the_cap_counts_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000)
    with pytest.raises(UnusableFile, match="unpacks to more than"):
        rows(packed({"a.csv": b"a,b\n" + b"1,2\n" * 1_000}), name="all.zip")
    with pytest.raises(UnusableFile, match="unpacks to more than"):
        rows(b"a,b\n" + b"1,2\n" * 1_000)


@pytest.mark.parametrize(
    ("name", "codec"), [("UTF-8", "utf-8-sig"), ("utf8", "utf-8-sig"), ("Windows-1252", "cp1252"), ("CP1252", "cp1252")]
)
def test_encodings_by_name(name: str, codec: str) -> None:
    assert sources.encoding_named(name) == codec


def test_an_encoding_that_is_not_read() -> None:
    with pytest.raises(ValueError, match="choose UTF-8 or Windows-1252"):
        sources.encoding_named("ebcdic")
