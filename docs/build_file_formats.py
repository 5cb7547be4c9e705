"""Writes `file-formats.md`: the canonical files column by column and the coded cells, from the code that reads them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).with_name("file-formats.md")

_HEAD = """# The files a registry uploads

Made by `docs/build_file_formats.py` from the code that reads the files; do not edit by hand.

A registry sends one CSV, several in a folder, or a zip. Header names are the contract; `*` is required; an unknown
column is warned about and left out. UTF-8 with or without a byte-order mark; comma, semicolon or tab. Dates are
`YYYY-MM-DD`, `YYYY-MM` or `YYYY`; a partial date means any of its days.

- A row that is not there says nothing. A blank cell, `NA`, `NULL`, `[Not Available]` and `unknown` mean *not recorded*.
  A coverage row, or a row that says `absent` or `negative`, is how a source says "looked, none".
- A word that stands in no list is kept as written, warned about, and may mean anything. `9`, `99` and `999` in a coded
  cell mean that the source itself could not tell.
- `record_id` names a fact for ever. Without it a fact is known by the columns named under its file; the same key in a
  later upload is a correction. Identical rows of one file collapse, different ones of one key are kept and conflict.
- A row that says `deceased: no` and gives a `death_date`, or rows that say each, are kept and warned about: from that
  date on the vital status is the first fact that every trial asks for, until the row is sent again without the slip.
- `--snapshot` withdraws what a file of the upload no longer holds. `--dry-run` shows the difference and stores nothing.
- A rejected row that names a known patient suspends the completeness of its domain for that patient until it is mended.

`patients.csv` or the wide layout names the patients; a row of another file whose patient neither the upload nor the
registry knows is a reported error.
"""

_KEYS = {
    "patients": "patient_id",
    "conditions": "name or code, kind, body site, date",
    "treatments": "name or code, start date, regimen",
    "medications": "name or code, start date",
    "observations": "test, date",
    "biomarkers": "gene, partner gene, alteration, variant, assay, date",
    "disease_status": "status, date, basis",
    "coverage": "domain, scope",
    "policy": "domain, scope",
    "ranges": "test, unit, sex, ages, validity, laboratory",
}

_WIDE = """## The wide layout

One row per patient: the columns of `patients.csv`, then any of `diagnosis`, `morphology`, `primary_site`, `extent`,
`stage`; an observation as `ecog`, `ecog_date`, `anc`, `anc_unit`, `anc_date`, `anc_ref_low`, `anc_ref_high`; numbered
slots such as `treatment_1`, `treatment_1_line`, `treatment_1_start_date`, `treatment_1_response`, `condition_1` …,
`medication_1` …; biomarkers as `ntrk1_fusion` = positive, negative or not tested.

## Coverage scopes

`all`, or any of `kind:drug`, `class:PARP inhibitor`, `genes:BRCA1|BRCA2`, `alteration:fusion`, `assay:RNA sequencing`,
joined by spaces. `drug` is read as `kind:drug`, `mutation` as `alteration:mutation`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_files(), _WIDE, *_coded()]).rstrip() + "\n"


def _files() -> Iterator[str]:
    from patients.intake.columns import Coded, CodedSet, Day, Flag, Number, PartialDay
    from patients.intake.kinds import KINDS

    for kind in KINDS.values():
        yield f"## {kind.name}.csv\n"
        yield f"Known by: {_KEYS[kind.name]}.\n"
        yield "| column | cell |\n|---|---|"
        for column in kind.columns:
            if isinstance(column, Coded | CodedSet):
                cell = f"[{column.table.replace('_', ' ')}](#{column.table.replace('_', '-')})"
                cell += ", several joined by `|`" if isinstance(column, CodedSet) else ""
            elif isinstance(column, Flag):
                cell = "yes or no"
            elif isinstance(column, PartialDay):
                cell = "a date, perhaps partial"
            elif isinstance(column, Day):
                cell = "a date to the day"
            elif isinstance(column, Number):
                cell = "a number"
            else:
                cell = "text"
            yield f"| `{column.name}`{'*' if column.required else ''} | {cell} |"
        yield ""


def _coded() -> Iterator[str]:
    from patients.facts import CODED

    yield "# Coded cells\n"
    yield "Comparison ignores case, accents, spaces, hyphens and underscores.\n"
    for column, table in CODED.items():
        if column == "comparator":
            continue
        yield f"## {column.replace('_', ' ')}\n"
        yield "| value | also read |\n|---|---|"
        for value, words in table.items():
            yield f"| {value} | {', '.join(words).replace('|', chr(92) + '|')} |"
        yield ""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    main()
