"""The coded cells: which words a column may hold, what each is taken to mean, and how the codes lie to one another.

The manual's table of coded cells is printed from here. A word that stands in no list is kept raw by the reader and
*may match* in every test; a word of `RECORDED_UNKNOWN` says that the source itself did not know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

#: Blank cells and their usual disguises: nothing was recorded.
NOT_RECORDED = frozenset(
    {"", "na", "n/a", "null", "nil", "none recorded", "[not available]", "[not evaluated]", "[not applicable]",
     "[unknown]", "not available", "not recorded", "not tested", "unknown", "unk", "?", "-", "nan"}
)  # fmt: skip

#: Codes by which a registry says that it looked and could not tell (NAACCR 9, 99, 999 in coded items).
RECORDED_UNKNOWN = frozenset({"9", "99", "999", "9999"})

Synonyms = Mapping[str, tuple[str, ...]]

YES_NO: Synonyms = {"yes": ("y", "true", "t", "1"), "no": ("n", "false", "f", "0")}

_STATUS_EVENTS: Synonyms = {
    "progression": (
        "pd", "progressive disease", "clinical progressive disease", "disease progression", "progressed", "progressive",
        "worsened", "worsening", "radiographic progressive disease", "tumor progression", "tumour progression",
    ),
    "locoregional recurrence": (
        "local recurrence", "regional recurrence", "locoregional recurrence or progression", "locoregional disease",
    ),
    "distant metastasis": ("new metastasis", "metastatic recurrence", "distant recurrence", "metastasis", "metastases"),
    "relapse": ("recurrence", "recurrent disease", "relapsed"),
    "new primary": ("new primary tumor", "new primary tumour", "second primary"),
    "complete response": ("cr", "complete remission", "complete remission/response", "in full remission"),
    "partial response": ("pr", "partial remission", "partial remission/response", "improved"),
    "response": ("responding", "responded", "objective response"),
    "stable": ("sd", "stable disease", "no change", "no sign of change"),
    "no evidence of disease": ("ned", "tumor free", "tumour free", "disease free", "no evidence of tumour"),
}  # fmt: skip

#: column -> canonical value -> synonyms. Comparison ignores case, accents, spaces, hyphens and underscores.
CODED: Mapping[str, Synonyms] = {
    "sex": {"male": ("m", "man", "1"), "female": ("f", "woman", "2"), "other": ("o", "intersex", "non-binary", "3")},
    "yes_no": YES_NO,
    "condition_kind": {
        "primary": ("primary tumour", "primary tumor", "diagnosis", "cancer"),
        "metastasis": ("secondary", "metastases", "metastatic site"),
        "comorbidity": ("comorbid condition", "medical history", "concomitant disease"),
        "toxicity": ("adverse event", "ae", "side effect"),
        "allergy": ("hypersensitivity", "allergic reaction"),
        "family history": ("family", "fh"),
    },
    "condition_status": {
        "present": ("active", "confirmed", "yes", "current", "recurrence", "relapse"),
        "absent": ("no", "none", "negative", "ruled out", "refuted"),
        "suspected": ("provisional", "possible", "probable", "differential", "unconfirmed"),
        "resolved": ("inactive", "remission", "recovered", "past", "history of", "cured"),
    },
    "extent": {
        "localized": ("localised", "local", "confined", "early"),
        "locally advanced": ("regional", "locally-advanced"),
        "unresectable": ("locally advanced unresectable", "inoperable", "not resectable", "irresectable"),
        "recurrent": ("recurrence", "relapsed", "locally recurrent"),
        "advanced": ("advanced disease",),
        "metastatic": ("distant", "metastasised", "metastasized", "m1", "disseminated"),
        "oligometastatic": ("oligometastases", "oligo-metastatic"),
    },
    "state": {
        "active": (), "symptomatic": ("symptoms",), "asymptomatic": ("no symptoms",), "treated": (),
        "untreated": ("not treated",), "stable": (), "progressive": ("progressing", "progression", "growing"),
        "controlled": ("well controlled",), "uncontrolled": ("not controlled", "poorly controlled"),
    },
    "laterality": {"left": ("l",), "right": ("r",), "bilateral": ("both",)},
    "basis": {
        "histology": ("pathology", "histological", "histologic", "biopsy", "histopathology"),
        "cytology": ("cytological", "cytologic"),
        "imaging": ("radiology", "radiological", "radiographic", "ct", "mri", "scan"),
        "clinical": ("examination", "clinical examination"),
    },
    "treatment_kind": {
        "drug": ("systemic", "chemotherapy", "medication", "pharmaceutical", "systemic therapy"),
        "radiotherapy": ("radiation", "radiation therapy", "rt"),
        "surgery": ("operation", "surgical", "resection"),
        "transplant": ("transplantation", "stem cell transplant"),
        "procedure": ("intervention",),
        "other": ("other treatment",),
    },
    "intent": {
        "curative": ("cure", "radical", "definitive"),
        "palliative": ("palliation",),
        "neoadjuvant": ("pre-operative", "preoperative", "induction"),
        "adjuvant": ("post-operative", "postoperative"),
        "supportive": ("supportive care",),
    },
    "setting": {
        "neoadjuvant": ("pre-operative", "preoperative"),
        "adjuvant": ("post-operative", "postoperative"),
        "perioperative": ("peri-operative", "neoadjuvant and adjuvant"),
        "advanced": ("metastatic", "palliative", "unresectable"),
        "maintenance": ("maintenance therapy",),
    },
    "treatment_status": {
        "given": ("completed", "complete", "in progress", "in-progress", "active", "stopped", "administered", "done"),
        "planned": ("intended", "scheduled", "on hold", "draft", "ordered"),
        "declined": ("refused", "not done", "patient declined", "cancelled", "canceled"),
        "not suitable": ("contraindicated", "unsuitable", "not appropriate"),
    },
    "response": {
        "complete response": ("cr", "complete remission", "complete remission/response"),
        "partial response": ("pr", "partial remission", "partial remission/response"),
        "response": ("responding", "responder", "objective response"),
        "stable disease": ("sd", "stable", "no change"),
        "progressive disease": (
            "pd", "progression", "progressed", "clinical progressive disease", "radiographic progressive disease",
            "disease progression", "no response to treatment",
        ),
        "not evaluable": ("ne", "inevaluable"),
    },
    "stop_reason": {
        "progression": ("progressive disease", "pd", "disease progression", "lack of efficacy", "treatment failure",
                        "no response to treatment"),
        "toxicity": ("adverse event", "side effects", "intolerance", "treatment not tolerated", "not tolerated"),
        "completed": ("completion", "course completed", "finished", "end of treatment", "planned end"),
        "patient choice": ("patient decision", "patient request", "refusal", "declined", "withdrew"),
        "death": ("died",),
        "other": ("other reason",),
    },
    "route": {
        "oral": ("po", "by mouth", "orally"), "intravenous": ("iv", "i.v.", "infusion"),
        "subcutaneous": ("sc", "s.c.", "subcut"), "intramuscular": ("im", "i.m."),
        "inhaled": ("inhalation", "inhaler"), "topical": ("cutaneous", "cream", "ointment"),
        "intra-articular": ("intraarticular", "joint injection"), "ophthalmic": ("eye drops", "ocular"),
        "nasal": ("intranasal",), "rectal": (), "intrathecal": (), "transdermal": ("patch",),
    },
    "alteration": {
        "mutation": ("snv", "indel", "point mutation", "sequence variant", "variant", "missense", "nonsense",
                     "frameshift"),
        "fusion": ("rearrangement", "translocation", "gene fusion", "structural variant"),
        "amplification": ("amplified", "gain", "copy number gain"),
        "deletion": ("homozygous deletion", "deep deletion", "loss", "copy number loss"),
        "expression": ("protein expression", "overexpression"),
        "signature": ("genomic signature",),
        "genotype": ("polymorphism", "diplotype"),
    },
    "result": {
        "positive": ("pos", "detected", "present", "yes", "mutated", "altered", "+"),
        "negative": ("neg", "not detected", "absent", "no", "wild type", "wild-type", "wildtype", "wt"),
        "indeterminate": ("equivocal", "inconclusive", "failed", "insufficient"),
    },
    "significance": {
        "pathogenic": ("deleterious", "class 5"),
        "likely pathogenic": ("suspected deleterious", "class 4"),
        "uncertain": ("vus", "variant of uncertain significance", "uncertain significance", "class 3"),
        "likely benign": ("class 2",),
        "benign": ("class 1", "polymorphism"),
    },
    "origin": {"germline": ("constitutional", "hereditary"), "somatic": ("tumour", "tumor", "acquired")},
    "scale": {
        "CPS": ("combined positive score",), "TPS": ("tumour proportion score", "tumor proportion score"),
        "percent": ("%", "pct"), "IHC score": ("ihc", "ihc 0-3"), "copies": ("copy number", "cn"),
    },
    "zygosity": {"heterozygous": ("het",), "homozygous": ("hom",), "hemizygous": ("hemi",)},
    "disease_status": _STATUS_EVENTS,
    "domain": {
        "conditions": ("condition", "diagnoses"), "treatments": ("treatment",),
        "medications": ("medication", "drugs"), "observations": ("observation", "labs", "laboratory"),
        "biomarkers": ("biomarker", "molecular", "genomics"), "disease_status": ("disease status", "status"),
    },
    "policy": {"open": (), "complete when present": ("complete_when_present", "complete-when-present", "complete")},
    "comparator": {"<": (), "<=": ("≤", "=<"), ">": (), ">=": ("≥", "=>"), "=": ("",)},
}  # fmt: skip

#: Where one code lies within another: `oligometastatic` disease is metastatic; `metastatic` disease is advanced.
_BELOW: Mapping[str, frozenset[tuple[str, str]]] = {
    "extent": frozenset(
        {("oligometastatic", "metastatic"), ("metastatic", "advanced"), ("oligometastatic", "advanced"),
         ("unresectable", "advanced"), ("unresectable", "locally advanced")}
    ),
    "setting": frozenset({("neoadjuvant", "perioperative"), ("adjuvant", "perioperative")}),
    "response": frozenset({("complete response", "response"), ("partial response", "response")}),
    "disease_status": frozenset(
        {("locoregional recurrence", "relapse"), ("distant metastasis", "relapse"),
         ("complete response", "response"), ("partial response", "response"),
         ("no evidence of disease", "complete response"), ("no evidence of disease", "response")}
    ),
    "state": frozenset({("stable", "controlled")}),
}  # fmt: skip

#: Pairs that may hold together without one lying within the other.
_OVERLAPS: Mapping[str, frozenset[frozenset[str]]] = {
    "extent": frozenset(
        frozenset(pair)
        for pair in (
            ("metastatic", "unresectable"), ("oligometastatic", "unresectable"), ("recurrent", "metastatic"),
            ("recurrent", "oligometastatic"), ("recurrent", "advanced"), ("recurrent", "locally advanced"),
            ("recurrent", "unresectable"), ("recurrent", "localized"), ("locally advanced", "advanced"),
        )
    ),
    "disease_status": frozenset(
        frozenset(pair) for pair in (
            ("progression", "relapse"), ("progression", "distant metastasis"),
            ("progression", "locoregional recurrence"),
        )
    ),
    "setting": frozenset({frozenset(("maintenance", "advanced")), frozenset(("maintenance", "perioperative"))}),
}  # fmt: skip


class CodeRelation(StrEnum):
    """How a recorded code lies to an asked one."""

    WITHIN = "within"
    MAY = "may"
    OUTSIDE = "outside"


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """The form in which words are compared: lower case, no accents, single spaces for spaces, hyphens, underscores."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[\s_\-]+", " ", plain).strip().casefold()


_LOOKUP: dict[str, dict[str, str]] = {
    column: {folded(word): canonical for canonical, words in table.items() for word in (canonical, *words)}
    for column, table in CODED.items()
}


def read_code(column: str, text: str) -> str | None:
    """The canonical value that `text` means in a coded column, or None where it stands in no list."""
    return _LOOKUP[column].get(folded(text))


def is_blank(text: str | None) -> bool:
    """Whether a cell says nothing at all (SEMANTICS §1.2: not recorded)."""
    return text is None or text.strip().casefold() in NOT_RECORDED


def code_relation(column: str, recorded: str, asked: str) -> CodeRelation:
    """Whether a recorded code certainly is, may be, or cannot be the asked one.

    A recorded word that no list knows may be anything.
    """
    table = CODED.get(column)
    if recorded == asked:
        return CodeRelation.WITHIN
    if table is None or recorded not in table:
        return CodeRelation.MAY if table is not None else CodeRelation.OUTSIDE
    below = _BELOW.get(column, frozenset())
    if (recorded, asked) in below:
        return CodeRelation.WITHIN
    if (asked, recorded) in below or frozenset((recorded, asked)) in _OVERLAPS.get(column, frozenset()):
        return CodeRelation.MAY
    return CodeRelation.OUTSIDE
