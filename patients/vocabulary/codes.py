"""Code systems: how each is called by the outside world, and how a code of it is looked up.

ICD-10 and its modifications are hierarchies of prefixes, so the longest known prefix answers; every other system
matches whole codes. ICD-O-3 writes topography (C49.2) and morphology (8890/3) and the two are told apart by shape.
"""

from __future__ import annotations

import re

_SYSTEMS = {
    "icd10": "ICD10",
    "icd10cm": "ICD10",
    "icd10who": "ICD10",
    "icd10gm": "ICD10",
    "icd10ca": "ICD10",
    "2168401113883690": "ICD10",
    "216840111388363": "ICD10",
    "2168401113883688": "RXNORM",
    "216840111388361": "LOINC",
    "21684011138833261": "NCIT",
    "icdo": "ICDO3",
    "icdo3": "ICDO3",
    "icdo31": "ICDO3",
    "icdo32": "ICDO3",
    "icdo3m": "ICDO3",
    "icdo3t": "ICDO3",
    "icdo3morphology": "ICDO3",
    "icdo3topography": "ICDO3",
    "icdomorphology": "ICDO3",
    "icdotopography": "ICDO3",
    "nci": "NCIT",
    "ncit": "NCIT",
    "ncithesaurus": "NCIT",
    "nciconcept": "NCIT",
    "ncimt": "NCIT",
    "rxnorm": "RXNORM",
    "rxcui": "RXNORM",
    "rx": "RXNORM",
    "loinc": "LOINC",
    "ln": "LOINC",
    "hgnc": "HGNC",
    "hugo": "HGNC",
    "oncotree": "ONCOTREE",
    "doid": "DOID",
    "do": "DOID",
}
_LAST_OF_ADDRESS = re.compile(r"[^/:#]+/?$")
_TOPOGRAPHY = re.compile(r"^C\d")


def system_name(system: str) -> str:
    """The one name of a code system: `icd-10-cm`, `http://hl7.org/fhir/sid/icd-10-cm` and `ICD10` are `ICD10`."""
    plain = re.sub(r"[^a-z0-9]", "", system.casefold()).removeprefix("urnoid")
    if plain in _SYSTEMS:
        return _SYSTEMS[plain]
    tail = _LAST_OF_ADDRESS.search(system.strip())
    if tail:
        last = re.sub(r"[^a-z0-9]", "", tail.group().casefold())
        if last.endswith("owl"):
            last = last[:-3]
        if last == "thesaurus":
            return "NCIT"
        if last in _SYSTEMS:
            return _SYSTEMS[last]
        if last in ("loincorg", "genenamesorg", "wwwgenenamesorg"):
            return "LOINC" if last.startswith("loinc") else "HGNC"
        if last == "geneid" and "genenames" in system:
            return "HGNC"
    return plain.upper()


def code_key(system: str, code: str) -> tuple[str, str]:
    """System and code in the form the index uses; ICD-O-3 topography becomes a system of its own."""
    plain = code.strip().upper()
    if system == "ICDO3":
        if _TOPOGRAPHY.match(plain):
            return "ICDO3T", plain.replace(".", "")
        return system, plain.replace("M", "", 1) if plain.startswith("M") else plain
    if system == "ICD10":
        return system, plain.replace(".", "").replace(" ", "")
    if system in ("HGNC", "DOID"):
        return system, plain.rpartition(":")[2]
    return system, plain


def candidates(system: str, code: str) -> tuple[tuple[str, str], ...]:
    """The index keys that may answer for a code, best first."""
    name, plain = code_key(system_name(system), code)
    if name == "ICD10":
        return tuple((name, plain[:n]) for n in range(len(plain), 2, -1))
    if name == "ICDO3T":
        # Topography has the anatomy of ICD-10 chapter C; where the two differ the table has an entry of its own.
        own = tuple((name, plain[:n]) for n in range(len(plain), 2, -1))
        return own + tuple(("ICD10", plain[:n]) for n in range(len(plain), 2, -1))
    if name == "ICDO3" and "/" in plain:
        morphology, _, behaviour = plain.partition("/")
        if len(behaviour) > 1:  # a sixth digit is the grade
            behaviour = behaviour[0]
        keys = [(name, f"{morphology}/{behaviour}")]
        if behaviour in "69":  # metastatic, or unknown whether primary: the same histology
            keys.append((name, f"{morphology}/3"))
        return tuple(keys)
    return ((name, plain),)
