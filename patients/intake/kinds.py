"""The kinds of file: the columns of each, and how a row that was read becomes facts.

Columns clean their own cells; what needs several cells together stands here, one function per kind: what the name
and codes mean, whether dates are in order, and by which parts the fact is known again in a later upload.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from patients.facts import folded, is_blank, read_code
from patients.intake import resolve, scopes
from patients.intake.columns import (
    NUMBER_REMEDY,
    Coded,
    CodedSet,
    Column,
    Day,
    Flag,
    Interval,
    Number,
    PartialDay,
    Text,
    interval,
    number,
    order,
)
from patients.intake.drafts import Draft, Identity, fingerprint, key_text, record_key
from patients.intake.reading import Reading
from patients.vocabulary import Domain, Test, Vocabulary

#: How a raw name was read; the values of the column `naming`.
MAPPED, CONFLICTING, UNMAPPED, UNNAMED = "mapped", "conflicting", "unmapped", "unnamed"

DOMAINS = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")


@dataclass(frozen=True, slots=True)
class Context:
    """What reading a row stands on: the vocabulary, what people decided that names mean, and the day."""

    vocabulary: Vocabulary
    mappings: Mapping[tuple[str, str], str]
    today: date

    def find(self, domain: str, name: str, *kinds: Domain) -> tuple[str, ...]:
        """The concepts a name means in a domain of facts: a person's mapping first, else the vocabulary."""
        mapped = self.mappings.get((domain, folded(name)[:300]))
        if mapped is not None:
            return (mapped,)
        return self.vocabulary.find(name, *kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file. `name_column` holds the name that the vocabulary reads."""

    name: str
    columns: tuple[Column, ...]
    finish: Callable[[Reading, Context], list[Draft]]
    name_column: str = ""
    by_patient: bool = True

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that must be in the header."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column | None:
        """The column of a canonical name."""
        return next((column for column in self.columns if column.name == name), None)


def read(kind: Kind, reading: Reading, context: Context) -> list[Draft]:
    """The facts of a row; none where it is rejected or says nothing. Problems are left in `reading`."""
    columns = _COLUMNS[kind.name]
    # By the cells there are, which in most rows are few of the columns there could be.
    for name, text in reading.cells.items():
        if name in columns and not is_blank(text):
            columns[name].read(reading, text)
    return kind.finish(reading, context)


# --- Parts that several kinds share -----------------------------------------------------------------------------


def _draft(
    reading: Reading,
    *,
    named: Identity,
    sourced: Identity,
    naming: str = MAPPED,
    name: str = "",
    values: Mapping[str, Any] | None = None,
    part: str = "",
) -> Draft:
    """A draft by its two identities: of what it means (`named`) and of what the source wrote (`sourced`)."""
    values = dict(reading.values if values is None else values)
    record_id = values.pop("record_id", "")
    undated = (named.undated(), sourced.undated())
    return Draft(
        kind=reading.kind,
        patient_id=reading.cell("patient_id"),
        key=record_key(record_id, part) if record_id else named.key(),
        natural_key=named.key(),
        source_key=sourced.key(),
        undated_keys=tuple(dict.fromkeys(key for key in undated if key is not None)),
        record_id=record_id,
        name=name,
        folded_name=folded(name)[:300],
        naming=naming,
        cells=reading.cells,
        values=values,
        fingerprint=fingerprint(reading.cells, values, naming),
        note=reading.note,
    )


def _date_text(reading: Reading, name: str) -> str:
    value = reading.partial(name)
    return str(value) if value is not None else ""


def _codes(reading: Reading, context: Context, *domains: Domain, tell: bool = True) -> tuple[str, ...]:
    """The concepts of the row's code; one that is not known is told, and the name alone counts."""
    code = reading.cell("code")
    if is_blank(code):
        return ()
    system = reading.cell("code_system")
    if is_blank(system):
        system = _system_of(code)
        if not system:
            if not tell:
                return ()
            reading.warn(
                "code_without_system", "the code has no code system and is not used", column="code",
                remedy="name the system in code_system, such as ICD-10",
            )  # fmt: skip
            return ()
    found = context.vocabulary.find_code(system, code, *domains)
    if not found and tell:
        reading.warn(
            "code_not_in_vocabulary", "the vocabulary does not know this code; the name alone counts", column="code",
            remedy="check the code and its system",
        )  # fmt: skip
    return found


_MORPHOLOGY = re.compile(r"M?[-]?(\d{4})(?:/?(\d)\d?)?", re.IGNORECASE)
_TOPOGRAPHY = re.compile(r"C\d\d(?:\.?\d{1,2})?", re.IGNORECASE)
_ICD10 = re.compile(r"[A-TV-Z]\d[0-9AB](?:\.?[0-9A-Z]{1,4})?", re.IGNORECASE)


def _system_of(code: str) -> str:
    """The system a code can only be of by its shape, else empty."""
    if re.fullmatch(r"M?\d{4}/\d\d?", code, re.IGNORECASE):
        return "ICD-O-3"
    return "ICD-10" if _ICD10.fullmatch(code) else ""


def _sites(reading: Reading, context: Context, column: str) -> tuple[str, ...]:
    """The sites of a body-site cell, given as a name or as a topography code."""
    text = reading.cell(column)
    if is_blank(text):
        return ()
    found = (
        context.vocabulary.find_code("ICD-O-3", text, Domain.SITE)
        or context.vocabulary.find_code("ICD-10", text, Domain.SITE)
        if _TOPOGRAPHY.fullmatch(text)
        else context.vocabulary.find(text, Domain.SITE)
    )
    if not found:
        reading.warn(
            "site_not_in_vocabulary", "the vocabulary does not know this site; it counts as not recorded",
            column=column, remedy="write a site's name or its ICD-O-3 topography code",
        )  # fmt: skip
    return found


def _warn_unnamed(reading: Reading, column: str) -> None:
    reading.warn("unnamed", "the row has no name; it is kept and may be anything", column=column, remedy="name it")


def _warn_unmapped(reading: Reading, context: Context, column: str, *domains: Domain) -> None:
    reading.warn(
        "name_not_in_vocabulary",
        "the vocabulary does not know this name; the row is kept and the name is queued for mapping",
        column=column,
        remedy=_nearest(context.vocabulary, reading.cell(column), domains),
    )


_NEAREST: dict[tuple[str, str, tuple[Domain, ...]], str] = {}


def _nearest(vocabulary: Vocabulary, name: str, domains: tuple[Domain, ...]) -> str:
    """A remedy with the nearest known name; kept, because a registry repeats its unknown names."""
    asked = (vocabulary.release, folded(name)[:100], domains)
    if asked not in _NEAREST:
        if len(_NEAREST) > 10_000:
            _NEAREST.clear()
        near = [vocabulary.concept(id).name for id in vocabulary.nearest(name[:100], *domains)]
        _NEAREST[asked] = f"did you mean {near[0]!r}?" if near else "map the name, or correct it"
    return _NEAREST[asked]


def _naming(name: str, concepts: tuple[str, ...], *, conflicting: bool = False) -> str:
    if conflicting:
        return CONFLICTING
    if concepts:
        return MAPPED
    return UNMAPPED if name else UNNAMED


def _conflict(reading: Reading, what: str, *, column: str) -> None:
    reading.warn(
        "name_and_codes_differ",
        f"what the row says of its {what} cannot all be true; each is held possible",
        column=column,
        remedy="correct the name or the code",
    )


def _name(reading: Reading, column: str) -> str:
    text = reading.cell(column)
    return "" if is_blank(text) else text


# --- Patients ---------------------------------------------------------------------------------------------------


def _finish_patient(reading: Reading, context: Context) -> list[Draft]:
    order(reading, "birth", "death", column="death_date")
    values = reading.values
    if reading.partial("death") is not None:
        if values.get("deceased") is None:
            values["deceased"] = True
        elif values["deceased"] is False:
            # Either may be the slip of the pen, so neither is dropped: until it is mended nobody knows.
            reading.warn(
                "alive_with_date_of_death",
                "the row says both that the patient lives and when they died; both are kept, and no trial is answered "
                "better than 'needs information' until one is corrected",
                column="deceased", remedy="correct deceased or death_date, and send the row again",
            )  # fmt: skip
    if not is_blank(reading.cell("data_through")) and values.get("data_through") is None:
        # A patient without the day counts as recorded up to the upload: an unreadable day must not promise that.
        reading.suspends = DOMAINS
    identity = Identity(("details",))
    return [_draft(reading, named=identity, sourced=identity)]


# --- Conditions -------------------------------------------------------------------------------------------------

_TUMOURS = (Domain.CANCER, Domain.CONDITION)
_GRADE = re.compile(r"(?:grade|gr|g)?\s*([0-5](?:\.\d+)?)", re.IGNORECASE)
_ALLERGY_WORDS = re.compile(
    r"\b(?:allergy|allergic|hypersensitivity|anaphylaxis|reaction|intolerance|to|of)\b", re.IGNORECASE
)
#: Where secondaries are common: a tumour there without a kind may be one.
_COMMON_METASTATIC_SITES = ("lung", "liver", "bone", "brain", "lymph node", "pleura", "peritoneum")


def _finish_condition(reading: Reading, context: Context) -> list[Draft]:
    values, vocabulary = reading.values, context.vocabulary
    name = _name(reading, "condition")
    by_name = context.find("conditions", name, *_TUMOURS) if name else ()
    by_code = _codes(reading, context, *_TUMOURS, tell=False)
    site_by_code = _codes(reading, context, Domain.SITE, tell=False)
    if not by_code and not site_by_code:
        _codes(reading, context, *_TUMOURS, Domain.SITE)
    by_morphology, behaviour = _morphology(reading, context)
    sites = (*_sites(reading, context, "body_site"), *site_by_code)
    allergy = values.get("kind") == "allergy"
    if allergy:
        agent = _ALLERGY_WORDS.sub(" ", name).strip(" ,:-")
        values["agents"] = list(context.find("conditions", agent, Domain.DRUG)) if agent else []

    _kind_of_condition(reading, context, (*by_name, *by_code, *by_morphology), sites, behaviour)
    if values.get("kind") == "metastasis":
        # A secondary is a metastasis at its site. The histology of its name is that of the primary, told there.
        said = tuple(id for id in (*by_name, *by_code) if resolve.is_metastasis((id,), vocabulary))
        known = vocabulary.get(resolve.METASTASIS) is not None
        concepts = said or ((resolve.METASTASIS,) if known and (by_name or by_code or by_morphology or name) else ())
        meaning = resolve.condition(concepts, sites, vocabulary=vocabulary)
        if len(meaning.sites) == 1 and meaning.concepts == (resolve.METASTASIS,):
            meaning = resolve.Meaning(
                (resolve.metastasis_at(meaning.sites[0], vocabulary),), meaning.histologies, meaning.sites
            )
    else:
        meaning = resolve.condition((*by_name, *by_code, *by_morphology), sites, vocabulary=vocabulary)
    values["concepts"], values["histologies"] = list(meaning.concepts), list(meaning.histologies)
    values["sites"] = list(meaning.sites)
    naming = _naming(name, meaning.concepts or tuple(values.get("agents", ())), conflicting=meaning.conflicting)
    if naming == CONFLICTING:
        of_site = len(meaning.concepts) <= 1 and len(meaning.histologies) <= 1
        _conflict(reading, "site" if of_site else "diagnosis", column="body_site" if of_site else "condition")
    elif naming == UNMAPPED:
        _warn_unmapped(reading, context, "condition", *_TUMOURS)
    elif naming == UNNAMED:
        _warn_unnamed(reading, "condition")

    _grades(reading)
    due_to = _name(reading, "due_to")
    if due_to:
        values["due_to"] = list(context.find("treatments", due_to, Domain.DRUG, Domain.PROCEDURE))
        if not values["due_to"]:
            _warn_unmapped(reading, context, "due_to", Domain.DRUG, Domain.PROCEDURE)
    order(reading, "date", "end", column="end_date")
    kind, day = values.get("kind", ""), _date_text(reading, "date")
    raw_site = _name(reading, "body_site")
    concept = "+".join(sorted(meaning.concepts)) or name or reading.cell("code")
    return [
        _draft(
            reading,
            named=Identity((concept, kind, "+".join(sorted(meaning.sites)) or raw_site, day), dated=3),
            sourced=Identity((name or reading.cell("code"), reading.cell("kind"), raw_site, day), dated=3),
            naming=naming,
            name=name,
        )
    ]


def _morphology(reading: Reading, context: Context) -> tuple[tuple[str, ...], str]:
    """The histologies of the morphology cell (a code or a name), and the behaviour digit where there is one."""
    text = reading.cell("morphology")
    behaviour = ""
    if is_blank(text):
        code = re.fullmatch(r"M?\d{4}/(\d)\d?", reading.cell("code"), re.IGNORECASE)
        return (), code[1] if code else ""
    code = _MORPHOLOGY.fullmatch(text)
    if code is not None:
        behaviour = code[2] or ""
        # A morphology without its behaviour digit, in a file of cancers, is the malignant one.
        found = context.vocabulary.find_code("ICD-O-3", f"{code[1]}/{behaviour or '3'}", *_TUMOURS)
    else:
        found = context.find("conditions", text, *_TUMOURS)
    if not found:
        reading.warn(
            "morphology_not_in_vocabulary", "the vocabulary does not know this morphology; the name alone counts",
            column="morphology", remedy="write the ICD-O-3 code with its behaviour, such as 8890/3, or a name",
        )  # fmt: skip
    return found, behaviour


def _kind_of_condition(
    reading: Reading, context: Context, concepts: tuple[str, ...], sites: tuple[str, ...], behaviour: str
) -> None:
    """Fill the kind where the source left it out and the rest of the row leaves one reading; say so in the source."""
    if reading.values.get("kind") or not concepts:
        return
    if behaviour == "6" or resolve.is_metastasis(concepts, context.vocabulary):
        kind = "metastasis"
    elif all(_is_cancer(id, context.vocabulary) for id in concepts) and (
        behaviour == "3" or not any(_common_metastatic(site, context.vocabulary) for site in sites)
    ):
        kind = "primary"
    else:
        return
    reading.values["kind"] = kind
    reading.note = f"kind inferred: {kind}"


def _is_cancer(id: str, vocabulary: Vocabulary) -> bool:
    concept = vocabulary.get(id)
    return concept is not None and concept.domain is Domain.CANCER


def _common_metastatic(site: str, vocabulary: Vocabulary) -> bool:
    return any(
        vocabulary.get(other) is not None and vocabulary.is_below(site, other) for other in _COMMON_METASTATIC_SITES
    )


def _grades(reading: Reading) -> None:
    """A grade of a tumour is a text of its own scale; of anything else a CTCAE grade, 0 to 5."""
    for column in ("grade", "baseline_grade"):
        text = _name(reading, column)
        if not text:
            continue
        if column == "grade" and reading.values.get("kind") in {"primary", "metastasis"}:
            reading.values["tumour_grade"] = text[:200]
            continue
        found = _GRADE.fullmatch(text)
        if found is None:
            reading.unusable(
                "grade_not_0_to_5", "the grade is no number from 0 to 5", column=column, remedy="write the CTCAE grade"
            )
        else:
            reading.values[column] = float(found[1])


# --- Treatments and medications ---------------------------------------------------------------------------------

_DRUGS_FIRST = (Domain.DRUG, Domain.PROCEDURE)
_PROCEDURES_FIRST = (Domain.PROCEDURE, Domain.DRUG)


def _finish_treatment(reading: Reading, context: Context) -> list[Draft]:
    values, vocabulary = reading.values, context.vocabulary
    name = _name(reading, "treatment")
    kind = values.get("kind", "")
    domains = _DRUGS_FIRST if kind in {"", "drug"} else _PROCEDURES_FIRST
    members, conflicting = _named_drugs(reading, context, "treatments", name, domains)
    if not kind and members:
        kinds = {_kind_of_treatment(id, vocabulary) for id in members}
        if len(kinds) == 1 and (inferred := kinds.pop()):
            values["kind"] = inferred
    naming = _naming(name, members, conflicting=conflicting)
    if naming == UNMAPPED:
        _warn_unmapped(reading, context, "treatment", *domains)
    elif naming == UNNAMED:
        _warn_unnamed(reading, "treatment")
    if values.get("cumulative_dose") is not None and not values.get("cumulative_dose_unit"):
        if values.get("dose") is None and values.get("dose_unit"):
            values["cumulative_dose_unit"] = values["dose_unit"]
        else:
            reading.warn(
                "dose_without_unit", "the cumulative dose has no unit and decides nothing", column="cumulative_dose",
                remedy="fill cumulative_dose_unit",
            )  # fmt: skip
    if values.get("dose") is not None and not values.get("dose_unit"):
        reading.warn(
            "dose_without_unit", "the dose has no unit and decides nothing", column="dose", remedy="fill dose_unit"
        )
    values["sites"] = list(_sites(reading, context, "body_site"))
    order(reading, "start", "end", column="end_date")
    _ongoing_with_end(reading)
    if not members and kind in {"radiotherapy", "surgery", "transplant"} and vocabulary.get(kind) is not None:
        # The name is unknown, but the source says of what kind it is: that much is certain.
        values["concepts"] = [kind]
        return _courses(reading, name, naming, (), conflicting)
    return _courses(reading, name, naming, members, conflicting)


def _finish_medication(reading: Reading, context: Context) -> list[Draft]:
    values = reading.values
    name = _name(reading, "medication")
    members, conflicting = _named_drugs(reading, context, "medications", name, _DRUGS_FIRST)
    naming = _naming(name, members, conflicting=conflicting)
    if naming == UNMAPPED:
        _warn_unmapped(reading, context, "medication", *_DRUGS_FIRST)
    elif naming == UNNAMED:
        _warn_unnamed(reading, "medication")
    if values.get("dose") is not None and not values.get("dose_unit"):
        reading.warn(
            "dose_without_unit", "the dose has no unit and decides nothing", column="dose", remedy="fill dose_unit"
        )
    indication = _name(reading, "indication")
    if indication:
        values["indication_text"] = indication[:300]
        values["indications"] = list(context.find("conditions", indication, *_TUMOURS))
    order(reading, "start", "end", column="end_date")
    _ongoing_with_end(reading)
    return _courses(reading, name, naming, members, conflicting)


def _ongoing_with_end(reading: Reading) -> None:
    end = reading.partial("end")
    if reading.values.get("ongoing") is True and end is not None and end.last < reading.today:
        reading.unusable(
            "ongoing_with_end", "the row says both that it goes on and when it ended", column="ongoing",
            remedy="correct ongoing or end_date",
        )  # fmt: skip
        # Either may be wrong, so neither is used: an end that is not certain must not start a washout.
        reading.values["ongoing"] = None
        reading.set_partial("end", None)


def _named_drugs(
    reading: Reading, context: Context, domain: str, name: str, domains: tuple[Domain, ...]
) -> tuple[tuple[str, ...], bool]:
    """The concepts a name and its code mean: several for a combination, or for a contradiction (then True)."""
    by_name = context.find(domain, name, *domains) if name else ()
    by_code = _codes(reading, context, *domains)
    column = "treatment" if domain == "treatments" else "medication"
    if len(by_name) > 1:
        if by_code and not any(context.vocabulary.is_below(code, id) for code in by_code for id in by_name):
            _conflict(reading, "drug", column=column)
            return by_name, False
        return by_name, False
    together = resolve.most_specific((*by_name, *by_code), context.vocabulary)
    if len(together) > 1 and by_name:
        _conflict(reading, "drug", column=column)
        return together, True
    return together, False


def _kind_of_treatment(id: str, vocabulary: Vocabulary) -> str:
    concept = vocabulary.get(id)
    if concept is None:
        return ""
    if concept.domain is Domain.DRUG:
        return "drug"
    for kind in ("radiotherapy", "transplant", "surgery"):
        if vocabulary.get(kind) is not None and vocabulary.is_below(id, kind):
            return kind
    return "procedure" if concept.domain is Domain.PROCEDURE else ""


def _courses(reading: Reading, name: str, naming: str, members: tuple[str, ...], conflicting: bool) -> list[Draft]:
    """One fact, or one per drug of a combination; these share the raw name and the regimen."""
    start = _date_text(reading, "start")
    regimen = reading.values.get("regimen", "")
    code = reading.cell("code")
    if len(members) <= 1 or conflicting:
        values = reading.values if not members else {**reading.values, "concepts": list(members)}
        return [
            _draft(
                reading,
                named=Identity(("+".join(sorted(members)) or name or code, start, regimen), dated=1),
                sourced=Identity((name or code, start, regimen), dated=1),
                naming=naming,
                name=name,
                values=values,
            )
        ]
    reading.tell_note("combination", f"read as {len(members)} drugs of one regimen", column=_column_of(reading))
    shared = {**reading.values}
    if reading.kind == "treatments":
        shared["regimen"] = (regimen or name)[:200]
    return [
        _draft(
            reading,
            named=Identity((member, start, regimen or name), dated=1),
            sourced=Identity((name, start, regimen, member), dated=1),
            naming=naming,
            name=name,
            values={**shared, "concepts": [member]},
            part=member,
        )
        for member in members
    ]


def _column_of(reading: Reading) -> str:
    return "treatment" if reading.kind == "treatments" else "medication"


# --- Observations -----------------------------------------------------------------------------------------------


def _with_unit(text: str, unit: str) -> str:
    """A value as it was written, with its unit once: `50 %` in one cell says the `%` of the other; `1` is no unit."""
    said = unit == "1" or text.casefold().endswith(unit.casefold())
    return (text if said else f"{text} {unit}")[:300]


_VALUE_WITH_UNIT = re.compile(r"\s*((?:<=|>=|≤|≥|<|>|=)?\s*[+-]?\d+(?:[.,]\d+)?)\s*([^\d\s].*?)\s*")


def _finish_observation(reading: Reading, context: Context) -> list[Draft]:
    vocabulary, values = context.vocabulary, reading.values
    name = _name(reading, "test")
    text = _name(reading, "value")
    if not text:
        reading.tell_note("no_value", "the row has no value and says nothing; it is not stored", column="value")
        return []
    by_name = context.find("observations", name, Domain.TEST) if name else ()
    by_code = _codes(reading, context, Domain.TEST)
    together = resolve.most_specific((*by_name, *by_code), vocabulary)
    unit = _name(reading, "unit")
    values["shown"] = _with_unit(text, unit)
    conflicting = len(together) > 1
    if conflicting:
        _conflict(reading, "test", column="test")
    test = vocabulary.test(together[0]) if len(together) == 1 else None
    naming = _naming(name, together, conflicting=conflicting)
    if naming == UNMAPPED:
        _warn_unmapped(reading, context, "test", Domain.TEST)
    elif naming == UNNAMED:
        _warn_unnamed(reading, "test")
    if test is not None:
        values["test"] = test.id
        if test.codes:
            _coded_value(reading, test, text)
        else:
            _measured_value(reading, vocabulary, test, text, unit)
    day = _date_text(reading, "date")
    raw = name or reading.cell("code")
    return [
        _draft(
            reading,
            named=Identity((test.id if test is not None else raw, day), dated=1),
            sourced=Identity((raw, day), dated=1),
            naming=naming,
            name=name,
        )
    ]


def coded_value(test: Test, text: str) -> str | None:
    """The canonical code that a text means in a coded test, or None."""
    wanted = folded(text)
    for code, synonyms in test.codes.items():
        if wanted in {folded(code), *(folded(word) for word in synonyms)}:
            return code
    # yes and no in their many spellings, for the tests that are answered so
    answer = read_code("yes_no", text)
    return answer if answer in test.codes else None


def _coded_value(reading: Reading, test: Test, text: str) -> None:
    code = coded_value(test, text)
    if code is None:
        reading.warn(
            "code_not_known",
            f"{test.name}: the word stands in no list; it is kept as written and may mean anything",
            column="value",
            remedy=f"use one of: {', '.join(test.codes)}",
        )
        code = text[:200]
    reading.values["code"] = code


def _measured_value(reading: Reading, vocabulary: Vocabulary, test: Test, text: str, unit: str) -> None:
    values = reading.values
    found = interval(text, decimal_comma=reading.decimal_comma)
    if found is None and not unit and (inside := _VALUE_WITH_UNIT.fullmatch(text)) is not None:
        found, unit = interval(inside[1], decimal_comma=reading.decimal_comma), inside[2]
    if found is None and (after := _after_name(test, text)):
        found = interval(after, decimal_comma=reading.decimal_comma)
    if found is None:
        reading.unusable("not_a_number", f"{test.name}: the value is no number", column="value", remedy=NUMBER_REMEDY)
        return

    def convert(value: float | None) -> float | None:
        return None if value is None else vocabulary.convert(value, test=test.id, unit=unit or None)

    low, high = convert(found.low), convert(found.high)
    if low is None and high is None:
        units = ", ".join(vocabulary.units_of(test.id)[:8])
        if unit:
            reading.unusable(
                "unit_not_known", f"{test.name}: this unit is none of this test", column="unit",
                remedy=f"use one of: {units}",
            )  # fmt: skip
        else:
            reading.unusable(
                "unit_missing", f"{test.name}: the value has no unit", column="unit", remedy=f"use {units}"
            )
        return
    if _implausible(low, test) or _implausible(high, test):
        reading.reject(
            "value_implausible",
            f"{test.name}: the value lies outside {_bounds(test)}, what the test can give",
            column="value",
            remedy="correct the value or its unit",
        )
        return
    if test.integer and found.low == found.high and low is not None and low != int(low):
        reading.reject(
            "value_not_whole", f"{test.name}: the value is not whole", column="value", remedy="write a whole number"
        )
        return
    # A scale has ends: above 3 on a scale to 5 is 4 or 5.
    values.update(_within_scale(Interval(low, high, found.low_open, found.high_open), test))
    values["unit"] = test.unit
    limits = {}
    for column in ("ref_low", "ref_high"):
        limit_text = _name(reading, column)
        if not limit_text:
            continue
        limit = number(limit_text.lstrip("<>=≤≥ "), decimal_comma=reading.decimal_comma)
        if limit is None:
            reading.unusable("not_a_number", "the reference limit is no number", column=column, remedy=NUMBER_REMEDY)
        else:
            limits[column] = convert(limit)
    ref_low, ref_high = limits.get("ref_low"), limits.get("ref_high")
    if ref_low is not None and ref_high is not None and ref_low > ref_high:
        reading.unusable(
            "limits_reversed", "the lower reference limit is above the upper", column="ref_low", remedy="exchange them"
        )
        limits = {}
    values.update(limits)


def _after_name(test: Test, text: str) -> str:
    """The number of `ECOG 1` or `LVEF: 55`."""
    for name in (test.name, test.id):
        if text.casefold().startswith(name.casefold()):
            return text[len(name) :].strip(" :=")
    return ""


def _implausible(value: float | None, test: Test) -> bool:
    if value is None:
        return False
    return (test.low is not None and value < test.low) or (test.high is not None and value > test.high)


def _bounds(test: Test) -> str:
    low = f"{test.low:g}" if test.low is not None else "no limit"
    high = f"{test.high:g}" if test.high is not None else "no limit"
    return f"{low} to {high} {test.unit}".replace(" 1", "", 1) if test.unit == "1" else f"{low} to {high} {test.unit}"


def _within_scale(value: Interval, test: Test) -> dict[str, Any]:
    low, high, low_open, high_open = value.low, value.high, value.low_open, value.high_open
    if test.integer and test.low is not None and test.high is not None:
        if low is None:
            low, low_open = test.low, False
        if high is None:
            high, high_open = test.high, False
        # On a scale of whole numbers an open end is the next step.
        if low_open and low == int(low):
            low, low_open = low + 1, False
        if high_open and high == int(high):
            high, high_open = high - 1, False
        if low > high:
            low, high = value.low, value.high
            low_open, high_open = value.low_open, value.high_open
    return {"low": low, "high": high, "low_open": low_open, "high_open": high_open}


# --- Biomarkers -------------------------------------------------------------------------------------------------


def _finish_biomarker(reading: Reading, context: Context) -> list[Draft]:
    values, vocabulary = reading.values, context.vocabulary
    name = _name(reading, "gene")
    genes = context.find("biomarkers", name, Domain.GENE) if name else ()
    values["genes"] = list(genes)
    naming = _naming(name, genes)
    if naming == UNMAPPED:
        _warn_unmapped(reading, context, "gene", Domain.GENE)
    elif naming == UNNAMED:
        _warn_unnamed(reading, "gene")
    partner = _name(reading, "partner_gene")
    if partner:
        found = context.find("biomarkers", partner, Domain.GENE)
        values["partner"] = found[0] if len(found) == 1 else partner[:200]
    assay = _name(reading, "assay")
    if assay:
        found = vocabulary.find(assay, Domain.ASSAY)
        values["assay"] = found[0] if len(found) == 1 else assay[:200]
        if not found:
            reading.warn(
                "assay_not_in_vocabulary",
                "the vocabulary does not know this assay, so not what it can see",
                column="assay",
                remedy=_nearest(vocabulary, assay, (Domain.ASSAY,)),
            )
    text = _name(reading, "value")
    if text:
        unit = _name(reading, "unit")
        values["shown"] = _with_unit(text, unit)
        found_value = interval(text.rstrip("% "), decimal_comma=reading.decimal_comma)
        if found_value is None:
            reading.unusable("not_a_number", "the value is no number", column="value", remedy=NUMBER_REMEDY)
        else:
            values["low"], values["high"] = found_value.low, found_value.high
            values["low_open"], values["high_open"] = found_value.low_open, found_value.high_open
    if not values.get("result") and values.get("variant"):
        values["result"] = "positive"
        reading.note = "result inferred from the variant: positive"
    day = _date_text(reading, "date")
    rest = (
        values.get("partner", ""),
        values.get("alteration", ""),
        values.get("variant", ""),
        values.get("assay", ""),
        day,
    )
    return [
        _draft(
            reading,
            named=Identity(("+".join(sorted(genes)) or name, *rest), dated=5),
            sourced=Identity((name, partner, *rest[1:3], assay, day), dated=5),
            naming=naming,
            name=name,
        )
    ]


# --- Disease status and coverage --------------------------------------------------------------------------------


def _finish_disease_status(reading: Reading, context: Context) -> list[Draft]:
    values = reading.values
    name = _name(reading, "status")
    if name:
        code = context.mappings.get(("disease_status", folded(name)[:300])) or read_code("disease_status", name)
        values["status"] = code or name[:200]
        naming = MAPPED if code else UNMAPPED
        if not code:
            reading.warn(
                "code_not_known", "disease status: the word stands in no list; it is kept and may mean anything",
                column="status", remedy="use progression, relapse, distant metastasis, stable, …",
            )  # fmt: skip
    else:
        naming = UNNAMED
        _warn_unnamed(reading, "status")
    values["sites"] = list(_sites(reading, context, "site"))
    day, basis = _date_text(reading, "date"), values.get("basis", "")
    return [
        _draft(
            reading,
            named=Identity((values.get("status", ""), day, basis), dated=1),
            sourced=Identity((name, day, basis), dated=1),
            naming=naming,
            name=name,
        )
    ]


def _finish_coverage(reading: Reading, context: Context) -> list[Draft]:
    values = reading.values
    domain, scope = _domain_and_scope(reading, context)
    if not is_blank(reading.cell("complete_through")) and values.get("complete_through") is None:
        # Without its day the row would promise completeness to the day it was recorded.
        reading.reject(
            "coverage_day_unusable", "coverage whose last day cannot be read states nothing",
            column="complete_through", remedy="write YYYY-MM-DD, or leave the cell empty",
        )  # fmt: skip
    if reading.rejected:
        # It may have been meant to take back what an earlier row promised; of a domain that cannot be read, any.
        reading.suspends = (domain,) if domain else DOMAINS
        if not scope:
            return []
    values["domain"], values["scope"] = domain, scope
    identity = Identity((domain, scope))
    return [_draft(reading, named=identity, sourced=identity)]


def _domain_and_scope(reading: Reading, context: Context) -> tuple[str, str]:
    domain = read_code("domain", reading.cell("domain"))
    if domain is None:
        reading.reject(
            "domain_not_known", "the domain is none of the kinds of fact", column="domain",
            remedy=f"use one of: {', '.join(DOMAINS)}",
        )  # fmt: skip
        return "", ""
    text = _name(reading, "scope")
    try:
        return domain, scopes.canonical(text, domain=domain, vocabulary=context.vocabulary)[:300]
    except scopes.ScopeProblem as problem:
        reading.reject("scope_not_known", str(problem), column="scope", remedy="correct the scope")
        return domain, ""


# --- What is declared for the whole registry --------------------------------------------------------------------


def _finish_policy(reading: Reading, context: Context) -> list[Draft]:
    domain, scope = _domain_and_scope(reading, context)
    policy = read_code("policy", reading.cell("policy"))
    if policy is None:
        reading.reject(
            "policy_not_known", "the policy is not known", column="policy", remedy="write open or complete when present"
        )
    if not is_blank(reading.cell("currency_days")) and reading.values.get("currency_days") is None:
        reading.reject("currency_unusable", "the currency cannot be read", column="currency_days", remedy="write days")
    if reading.rejected:
        return []
    values = {"domain": domain, "scope": scope, "policy": policy, "currency_days": reading.values.get("currency_days")}
    identity = Identity((domain, scope))
    return [_draft(reading, named=identity, sourced=identity, values=values)]


def _finish_range(reading: Reading, context: Context) -> list[Draft]:
    vocabulary, values = context.vocabulary, reading.values
    name, unit = _name(reading, "test"), _name(reading, "unit")
    found = context.find("observations", name, Domain.TEST) if name else ()
    if len(found) != 1:
        reading.reject(
            "test_not_known", "the vocabulary does not know this test", column="test",
            remedy=_nearest(vocabulary, name, (Domain.TEST,)),
        )  # fmt: skip
        return []
    for column in ("low", "high"):
        text = _name(reading, column)
        if not text:
            continue
        limit = number(text, decimal_comma=reading.decimal_comma)
        if limit is None:
            reading.reject("not_a_number", "the limit is no number", column=column, remedy=NUMBER_REMEDY)
            continue
        values[column] = vocabulary.convert(limit, test=found[0], unit=unit or None)
        if values[column] is None:
            reading.reject(
                "unit_not_known", "the unit is missing or none of this test", column="unit",
                remedy=f"use one of: {', '.join(vocabulary.units_of(found[0])[:8])}",
            )  # fmt: skip
            return []
    low, high = values.get("low"), values.get("high")
    if low is None and high is None and not reading.rejected:
        reading.reject("range_without_limits", "the range has no limit", column="low", remedy="fill low, high or both")
    if low is not None and high is not None and low > high:
        reading.reject("limits_reversed", "the lower limit is above the upper", column="low", remedy="exchange them")
    for first, last, what in (("age_from", "age_to", "ages"), ("valid_from", "valid_to", "days")):
        for column in (first, last):
            # A bound that cannot be read must not become no bound: the range would hold for others too.
            if not is_blank(reading.cell(column)) and values.get(column) is None:
                reading.reject(
                    "bound_unusable", f"one of the {what} cannot be read", column=column, remedy="correct it"
                )
        if values.get(first) is not None and values.get(last) is not None and values[first] > values[last]:
            reading.reject("bounds_reversed", f"the {what} go backwards", column=first, remedy="exchange them")
    if values.get("sex") not in {None, "", "male", "female", "other"}:
        reading.reject("sex_not_known", "the sex of the range is not known", column="sex", remedy="male or female")
    if reading.rejected:
        return []
    values["test"] = found[0]
    values["shown"] = f"{_name(reading, 'low')} to {_name(reading, 'high')} {unit}".strip()[:200]
    parts = [found[0], *(str(values.get(part) or "") for part in ("sex", "age_from", "age_to", "valid_from"))]
    identity = Identity((*parts, str(values.get("valid_to") or ""), values.get("laboratory", "")))
    return [_draft(reading, named=identity, sourced=identity, name=name)]


# --- The list ---------------------------------------------------------------------------------------------------

_PATIENT = Column(name="patient_id", required=True)
_RECORD = (Text(name="record_id"),)
_CODE = (Column(name="code"), Column(name="code_system"))

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="patients",
            finish=_finish_patient,
            columns=(
                _PATIENT,
                PartialDay(name="birth_date", to="birth"),
                Coded(name="sex", table="sex", limit=32),
                Flag(name="deceased"),
                PartialDay(name="death_date", to="death"),
                Text(name="country"),
                Text(name="postal_code", limit=32),
                Day(name="data_through"),
            ),
        ),
        Kind(
            name="conditions",
            name_column="condition",
            finish=_finish_condition,
            columns=(
                _PATIENT,
                Column(name="condition", required=True),
                *_RECORD,
                Text(name="diagnosis_id"),
                *_CODE,
                Coded(name="kind", table="condition_kind"),
                Column(name="morphology"),
                Column(name="body_site"),
                Coded(name="laterality", table="laterality"),
                Text(name="stage"),
                Text(name="t"),
                Text(name="n"),
                Text(name="m"),
                Coded(name="extent", table="extent"),
                Column(name="grade"),
                Column(name="baseline_grade"),
                Coded(name="basis", table="basis"),
                Coded(name="status", table="condition_status"),
                CodedSet(name="state", to="states", table="state"),
                PartialDay(name="state_since"),
                Column(name="due_to"),
                PartialDay(name="date"),
                PartialDay(name="end_date", to="end"),
            ),
        ),
        Kind(
            name="treatments",
            name_column="treatment",
            finish=_finish_treatment,
            columns=(
                _PATIENT,
                Column(name="treatment", required=True),
                *_RECORD,
                Text(name="diagnosis"),
                *_CODE,
                Coded(name="kind", table="treatment_kind"),
                Text(name="regimen"),
                Coded(name="intent", table="intent"),
                Coded(name="setting", table="setting"),
                Number(name="line", low=1, high=99, whole=True),
                PartialDay(name="start_date", to="start"),
                PartialDay(name="end_date", to="end"),
                Flag(name="ongoing"),
                Coded(name="status", table="treatment_status"),
                Coded(name="response", table="response"),
                Coded(name="stop_reason", table="stop_reason"),
                Number(name="dose", low=0),
                Text(name="dose_unit"),
                Number(name="cumulative_dose", low=0),
                Text(name="cumulative_dose_unit"),
                Number(name="relative_dose", low=0, percent=True),
                Number(name="cycles", low=0),
                Text(name="schedule"),
                Text(name="technique"),
                Column(name="body_site"),
                Flag(name="on_trial"),
            ),
        ),
        Kind(
            name="medications",
            name_column="medication",
            finish=_finish_medication,
            columns=(
                _PATIENT,
                Column(name="medication", required=True),
                *_RECORD,
                *_CODE,
                PartialDay(name="start_date", to="start"),
                PartialDay(name="end_date", to="end"),
                Flag(name="ongoing"),
                Number(name="dose", low=0),
                Text(name="dose_unit"),
                Text(name="frequency"),
                Coded(name="route", table="route"),
                Column(name="indication"),
            ),
        ),
        Kind(
            name="observations",
            name_column="test",
            finish=_finish_observation,
            columns=(
                _PATIENT,
                Column(name="test", required=True),
                Column(name="value", required=True),
                *_RECORD,
                *_CODE,
                Column(name="unit"),
                PartialDay(name="date"),
                Column(name="ref_low"),
                Column(name="ref_high"),
                Text(name="method"),
                Text(name="specimen"),
                Text(name="laboratory"),
            ),
        ),
        Kind(
            name="biomarkers",
            name_column="gene",
            finish=_finish_biomarker,
            columns=(
                _PATIENT,
                Column(name="gene", required=True),
                *_RECORD,
                Column(name="partner_gene"),
                Coded(name="alteration", table="alteration"),
                Text(name="variant"),
                Text(name="exon"),
                Text(name="variant_class"),
                Column(name="value"),
                Text(name="unit"),
                Coded(name="scale", table="scale"),
                Coded(name="result", table="result"),
                Coded(name="significance", table="significance"),
                Coded(name="origin", table="origin"),
                Coded(name="zygosity", table="zygosity"),
                Text(name="specimen"),
                Column(name="assay"),
                Text(name="laboratory"),
                PartialDay(name="date"),
            ),
        ),
        Kind(
            name="disease_status",
            name_column="status",
            finish=_finish_disease_status,
            columns=(
                _PATIENT,
                Column(name="status", required=True),
                *_RECORD,
                Text(name="diagnosis"),
                PartialDay(name="date"),
                Column(name="site"),
                Coded(name="basis", table="basis"),
            ),
        ),
        Kind(
            name="coverage",
            finish=_finish_coverage,
            columns=(
                _PATIENT,
                Column(name="domain", required=True),
                Column(name="scope"),
                Day(name="complete_through"),
            ),
        ),
        Kind(
            name="policy",
            by_patient=False,
            finish=_finish_policy,
            columns=(
                Column(name="domain", required=True),
                Column(name="scope"),
                Column(name="policy", required=True),
                Number(name="currency_days", low=0, high=36_500, whole=True),
            ),
        ),
        Kind(
            name="ranges",
            name_column="test",
            by_patient=False,
            finish=_finish_range,
            columns=(
                Column(name="test", required=True),
                Column(name="unit"),
                Coded(name="sex", table="sex", limit=32),
                Number(name="age_from", low=0, high=150),
                Number(name="age_to", low=0, high=150),
                Column(name="low"),
                Column(name="high"),
                Day(name="valid_from", may_be_future=True),
                Day(name="valid_to", may_be_future=True),
                Text(name="laboratory"),
            ),
        ),
    )
}

_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    kind.name: {column.name: column for column in kind.columns if type(column) is not Column} for kind in KINDS.values()
}

#: The kinds that hold statements about a patient, the patient's own row first.
PATIENT_KINDS = tuple(name for name, kind in KINDS.items() if kind.by_patient)

__all__ = ["DOMAINS", "KINDS", "PATIENT_KINDS", "Context", "Kind", "key_text", "read"]
