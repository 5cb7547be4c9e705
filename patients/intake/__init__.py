"""Registry import: files in, facts out, every problem told by file, row, column, value and remedy.

`run_import` reads and stores one upload; `reread` reads a stored fact's own words again; `rejected_csv` hands the
rows back that need mending, `problems_csv` tells everything that was wrong.
"""

from patients.intake.importing import Busy, ImportErrored, NotClaimed, context_for, run_import
from patients.intake.problems import Problem, Severity, UnusableFile
from patients.intake.rejected import problems_csv, rejected_csv
from patients.intake.reread import reread
from patients.intake.sources import ENCODINGS, encoding_named

__all__ = [
    "ENCODINGS",
    "Busy",
    "ImportErrored",
    "NotClaimed",
    "Problem",
    "Severity",
    "UnusableFile",
    "context_for",
    "encoding_named",
    "problems_csv",
    "rejected_csv",
    "reread",
    "run_import",
]
