"""When two spellings are one name: case, accents, punctuation, plural, British or American, word order, salts.

Every rule here keeps the meaning; nothing is guessed by similarity. What is not equal by these rules is unmapped and
is shown to a person, with the nearest names as a suggestion.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+")
_PARENTHESES = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_SPELLINGS = (
    ("tumour", "tumor"),
    ("haem", "hem"),
    ("anaem", "anem"),
    ("aemia", "emia"),
    ("oesoph", "esoph"),
    ("oedema", "edema"),
    ("oestr", "estr"),
    ("rrhoea", "rrhea"),
    ("pnoea", "pnea"),
    ("paed", "ped"),
    ("leucocyt", "leukocyt"),
    ("leucop", "leukop"),
    ("sulph", "sulf"),
    ("isation", "ization"),
    ("colour", "color"),
    ("behaviour", "behavior"),
    ("anaes", "anes"),
    ("gynaec", "gynec"),
    ("caec", "cec"),
    ("faec", "fec"),
    ("ischaem", "ischem"),
)
_PLURALS = {
    "metastases": "metastasis",
    "diagnoses": "diagnosis",
    "thromboses": "thrombosis",
    "stenoses": "stenosis",
    "neuroses": "neurosis",
    "biopsies": "biopsy",
    "vertebrae": "vertebra",
    "ovaries": "ovary",
    "kidneys": "kidney",
    "arteries": "artery",
    "allergies": "allergy",
    "therapies": "therapy",
    "antibodies": "antibody",
    "neuropathies": "neuropathy",
    "arrhythmias": "arrhythmia",
    "malignancies": "malignancy",
    "surgeries": "surgery",
    "varices": "varix",
    "diastases": "diastasis",
    "lymphomata": "lymphoma",
    "sarcomata": "sarcoma",
    "carcinomata": "carcinoma",
}
_NOT_PLURAL = ("ss", "us", "is")
_EMPTY_WORDS = frozenset({"of", "the", "nos", "unspecified", "a", "an"})
_TAGS = frozenset({"nos", "disorder", "finding", "procedure", "morphologic abnormality", "substance", "product"})
_STAGE = re.compile(r"v\d|[0ivx]{1,4}[a-d]?\d?|\d[a-d]?\d?")
_STAGED = frozenset({"stage", "grade", "ajcc", "figo"})
_QUALIFIERS_AFTER = frozenset({"metastatic", "recurrent", "female", "adult", "childhood", "stage", "ajcc"})
_SALTS = frozenset(
    {
        "hydrochloride", "hcl", "dihydrochloride", "monohydrochloride", "mesylate", "mesilate", "tosylate",
        "tosilate", "ditosylate", "malate", "maleate", "dimaleate", "citrate", "sulfate", "bisulfate", "tartrate",
        "ditartrate", "bitartrate", "besylate", "esylate", "fumarate", "succinate", "acetate", "phosphate",
        "diphosphate", "sodium", "disodium", "hydrobromide", "hydrate", "monohydrate", "dihydrate", "trihydrate",
        "camsylate", "isethionate", "decanoate", "pamoate", "embonate", "cypionate", "valerate", "dipropionate",
        "hemifumarate", "adipate", "olamine", "meglumine", "trifluoroacetate",
    }
)  # fmt: skip
_FORMS = frozenset(
    {
        "mg", "mcg", "ug", "g", "ml", "kg", "m2", "iu", "u", "units", "unit", "injection", "injectable", "infusion",
        "tablet", "tab", "capsule", "cap", "oral", "po", "iv", "intravenous", "solution", "powder", "vial", "hour",
        "h", "daily", "bid", "qd", "od", "per", "weekly", "for", "dose", "standard", "sc",
        "subcutaneous", "regimen", "protocol", "chemotherapy", "therapy", "treatment",
    }
)  # fmt: skip
_SECONDARY = re.compile(
    r"(?:secondary (?:malignant )?(?:neoplasm|tumor|cancer|malignancy)|"
    r"metastatic (?:malignant )?(?:neoplasm|tumor|cancer|disease|lesion)|"
    r"metastasis|metastatic) (?:of|to|in|involving)(?: the)? (.+)"
)
_METASTATIC_OF = re.compile(r"metastatic (?:malignant )?(?:neoplasm|tumor|cancer) of .+")
_PRIMARY = re.compile(r"(?:primary )?malignant (?:neoplasm|tumor) (?:of|in)(?: the)? (.+)")
# Each of these only narrows what follows it, so the name without it is still true of the patient, if less exact.
_QUALIFIERS = frozenset(
    {
        "severe", "mild", "moderate", "symptomatic", "asymptomatic", "uncontrolled", "controlled", "active", "stable",
        "chronic", "acute", "recurrent", "relapsed", "refractory", "advanced", "unresectable", "locally",
        "resectable", "known", "clinically", "significant", "serious", "concurrent", "untreated", "treated",
        "progressive", "persistent", "metastatic", "primary", "high", "low", "intermediate", "grade", "extensive",
        "limited", "adult", "childhood", "pediatric", "early", "late", "anatomic", "prognostic", "clinical",
        "pathologic",
    }
)  # fmt: skip
_DOSE = re.compile(
    r"(?<![\w-])\d[\d.,]*\s*(?:mg|mcg|ug|µg|g|ml|iu|units?|u)\b(?:\s*/\s*(?:m2|m²|m\^2|kg|day|d|ml|hr|h|min|dose)\b)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """The words of a name: without case, accents, punctuation, plural endings and British spellings."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").replace("ß", "ss"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    plain = plain.replace("'s ", " ").replace("α", "alpha").replace("β", "beta").replace("γ", "gamma").replace("µ", "u")
    if plain.endswith("'s"):
        plain = plain[:-2]
    found = _WORD.findall(plain.replace("'", ""))
    return tuple(_word(word) for word in found)


def _word(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if len(word) > 4 and word[-1] == "s" and not word.endswith(_NOT_PLURAL):
        word = word[:-1]
    for british, american in _SPELLINGS:
        if british in word:
            word = word.replace(british, american)
    return word


def key(text: str) -> str:
    """The comparison key of a name."""
    return " ".join(words(text))


def tight_key(text: str) -> str:
    """The key without spaces: `non small cell` and `nonsmall-cell`, `PD 0332991` and `PD0332991` are one."""
    return "".join(words(text))


def loose_key(text: str) -> str:
    """The key without order and without words that say nothing: `liposarcoma, myxoid, NOS` is `myxoid liposarcoma`."""
    return " ".join(sorted(word for word in words(text) if word not in _EMPTY_WORDS))


def without_parentheses(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The text outside parentheses and the texts inside them; None where there are none or nothing stands outside."""
    inside = tuple(part.strip() for part in _PARENTHESES.findall(text) if part.strip())
    outside = _PARENTHESES.sub(" ", text).strip()
    return (outside, inside) if inside and outside else None


def says_nothing(text: str) -> bool:
    """Whether a text in parentheses (`NOS`, `disorder`) adds nothing to the name before it."""
    return key(text) in _TAGS


def without_salt(text: str) -> str:
    """A drug name without its salt: `pazopanib hydrochloride` is pazopanib. Empty if nothing else stands there."""
    return " ".join(word for word in words(text) if word not in _SALTS)


def without_dose(text: str) -> str:
    """A drug name without salt, strength and pharmaceutical form: `dexamethasone 20 mg iv` is dexamethasone.

    Words that change what the drug is (liposomal, inhaled, topical) stay, and so does a number that is no dose: IPI-504
    is not ipilimumab.
    """
    return " ".join(word for word in words(_DOSE.sub(" ", text)) if word not in _SALTS and word not in _FORMS)


def secondary_site(text: str) -> str | None:
    """The site of a name that says *metastasis of*: `secondary malignant neoplasm of liver` gives `liver`."""
    found = _SECONDARY.fullmatch(key(_untagged(text)))
    return found.group(1) if found else None


def may_name_the_origin(text: str) -> bool:
    """Whether a name says `metastatic cancer of`, where what follows is where it is or where it came from."""
    return _METASTATIC_OF.fullmatch(key(_untagged(text))) is not None


def malignant_site(text: str) -> str | None:
    """The site of a name that says no more than that: `malignant neoplasm of breast` gives `breast`."""
    found = _PRIMARY.fullmatch(key(_untagged(text)))
    return found.group(1) if found else None


def _untagged(text: str) -> str:
    parts = without_parentheses(text)
    return parts[0] if parts is not None and all(says_nothing(part) for part in parts[1]) else text


def unqualified(text: str) -> tuple[tuple[str, bool], ...]:
    """The name without adjectives and stages around it, the least shortened first, and whether *metastatic* went.

    `Anatomic Stage IV Breast Cancer AJCC v8` is breast cancer; what only narrows a name leaves it true, if less exact.
    """
    found = words(text)
    kept = list(found)
    while len(kept) > 1:
        if kept[-1] in _QUALIFIERS_AFTER:
            kept.pop()
        elif len(kept) > 2 and kept[-2] in _STAGED and _STAGE.fullmatch(kept[-1]):
            del kept[-2:]
        else:
            break
    metastatic = "metastatic" in found[len(kept) :]
    shorter = [(" ".join(kept), metastatic)] if len(kept) < len(found) else []
    while len(kept) > 1 and (kept[0] in _QUALIFIERS or kept[0] in _STAGED):
        first = kept.pop(0)
        if first in _STAGED and len(kept) > 1 and _STAGE.fullmatch(kept[0]):
            kept.pop(0)
        metastatic = metastatic or first == "metastatic"
        shorter.append((" ".join(kept), metastatic))
    return tuple(shorter)


def trigrams(text: str) -> frozenset[str]:
    """The three-letter pieces of a key, for suggestions."""
    padded = f"  {text} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))
