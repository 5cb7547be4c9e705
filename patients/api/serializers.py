"""The JSON of registries, patients with their facts, and imports.

The shape of a fact is made from the dataclass that the engines read, so the document of the API cannot fall behind
it. A partial date is written as it is known: `2023`, `2023-05`, `2023-05-17`, or `first/last` for another interval.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from patients import facts
from patients.api.asking import Asked, OneOf
from patients.facts import PartialDate, Source
from patients.models import Patient, Preset, Registry, Upload, UploadProblem

PARTIAL_DATE = "2023, 2023-05 or 2023-05-17, as exactly as it is known; first/last for another interval."


class RegistrySerializer(serializers.ModelSerializer[Registry]):
    """A register of patients; `name` is the handle by which every other question names it."""

    class Meta:
        model = Registry
        fields = ("name", "title", "preset", "time_zone", "created_at")


class RegistrySummarySerializer(serializers.Serializer[Any]):
    """How much a registry holds now."""

    patients = serializers.IntegerField()
    facts = serializers.DictField(child=serializers.IntegerField(), help_text="Current facts of each kind.")
    unmapped = serializers.IntegerField(help_text="Names that no vocabulary knows.")
    suspended_patients = serializers.IntegerField(help_text="Patients of whom a row was rejected and not yet mended.")
    uploads = serializers.IntegerField()
    data_from = serializers.DateField(allow_null=True, help_text="Earliest data_through of a patient.")
    data_to = serializers.DateField(allow_null=True, help_text="Latest data_through of a patient.")


class PatientSerializer(serializers.Serializer[Patient]):
    """A patient as lists show one. Where sources contradict each other there are several births or sexes."""

    id = serializers.IntegerField(help_text="Opaque; addresses use it, never the registry's own id.")
    registry = serializers.CharField(source="registry.name")
    patient_id = serializers.CharField(help_text="The registry's own id.")
    births = serializers.SerializerMethodField(help_text=PARTIAL_DATE)
    sexes = serializers.SerializerMethodField()
    deceased = serializers.SerializerMethodField(help_text="null: not recorded, or contradicted.")
    vital_conflict = serializers.SerializerMethodField(
        help_text="The record says both that the patient lives and that they died."
    )
    data_through = serializers.SerializerMethodField(help_text="Up to when the record is kept.")

    def get_births(self, patient: Patient) -> list[str]:
        return list(
            dict.fromkeys(
                str(PartialDate(row.birth_first, row.birth_last))
                for row in patient.details_now  # type: ignore[attr-defined]  # prefetched by the view
                if row.birth_first is not None
            )
        )

    def get_sexes(self, patient: Patient) -> list[str]:
        return list(dict.fromkeys(row.sex for row in patient.details_now if row.sex))  # type: ignore[attr-defined]

    def get_deceased(self, patient: Patient) -> bool | None:
        said = {row.deceased for row in patient.details_now if row.deceased is not None}  # type: ignore[attr-defined]
        return said.pop() if len(said) == 1 and not self.get_vital_conflict(patient) else None

    def get_vital_conflict(self, patient: Patient) -> bool:
        return facts.lives_and_died((row.deceased, row.death_first) for row in patient.details_now)  # type: ignore[attr-defined]

    def get_data_through(self, patient: Patient) -> date | None:
        days = [row.data_through for row in patient.details_now if row.data_through]  # type: ignore[attr-defined]
        return min(days, default=None)


class LookupSerializer(Asked):
    """Which patients are meant, by the ids that their registry gives them."""

    registry = serializers.CharField(max_length=80)
    patient_ids = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=500, help_text="At most 500."
    )


class FoundSerializer(serializers.Serializer[Any]):
    """The patients that were found, and the ids that the registry does not hold."""

    found = PatientSerializer(many=True)
    not_found = serializers.ListField(child=serializers.CharField())


class SourceSerializer(serializers.Serializer[Source]):
    """Where a fact was read: upload, file and row, or the form or inference that gave it."""

    upload = serializers.IntegerField(allow_null=True)
    file = serializers.CharField(allow_blank=True)
    row = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


def _field(hint: Any) -> serializers.Field:
    """The field of one attribute of a dataclass."""
    null = False
    if isinstance(hint, types.UnionType):
        inside = [each for each in typing.get_args(hint) if each is not types.NoneType]
        null, hint = True, inside[0]
    if typing.get_origin(hint) is tuple:
        return serializers.ListField(child=_field(typing.get_args(hint)[0]))
    if hint is Source:
        return SourceSerializer()
    if hint is PartialDate:
        return serializers.CharField(allow_null=null, help_text=PARTIAL_DATE)
    simple: dict[Any, type[serializers.Field]] = {
        str: serializers.CharField,
        int: serializers.IntegerField,
        float: serializers.FloatField,
        bool: serializers.BooleanField,
        date: serializers.DateField,
    }
    return simple[hint](allow_null=null)


def _serializer_of(record: type[Any]) -> type[serializers.Serializer[Any]]:
    """A serializer with the attributes of a dataclass of facts."""
    hints = typing.get_type_hints(record)
    fields = {field.name: _field(hints[field.name]) for field in dataclasses.fields(record)}
    return type(f"{record.__name__}FactSerializer", (serializers.Serializer,), {"__doc__": record.__doc__, **fields})


#: The lists of facts of a patient, each with the serializer of its kind.
FACTS: Mapping[str, type[serializers.Serializer[Any]]] = {
    "conditions": _serializer_of(facts.Condition),
    "treatments": _serializer_of(facts.Treatment),
    "medications": _serializer_of(facts.Medication),
    "observations": _serializer_of(facts.Observation),
    "biomarkers": _serializer_of(facts.Biomarker),
    "disease_status": _serializer_of(facts.DiseaseStatus),
    "coverage": _serializer_of(facts.Coverage),
    "answers": _serializer_of(facts.Answer),
}


class _PatientRecord(serializers.Serializer[Any]):
    """A patient with every fact that was known at one instant; concepts are ids of the vocabulary."""

    id = serializers.IntegerField(help_text="Opaque; addresses use it.")
    registry = serializers.CharField()
    patient_id = serializers.CharField()
    known_at = serializers.DateTimeField(help_text="Facts recorded later, or withdrawn by then, are not here.")
    births = serializers.ListField(child=serializers.CharField(), help_text=PARTIAL_DATE)
    sexes = serializers.ListField(child=serializers.CharField())
    deceased = serializers.BooleanField(allow_null=True, help_text="null: not recorded, or contradicted.")
    death = serializers.CharField(
        allow_null=True, help_text=f"{PARTIAL_DATE} With vital_conflict it is the date that is denied."
    )
    vital_conflict = serializers.BooleanField(
        help_text="The record says both that the patient lives and that they died."
    )
    country = serializers.CharField(allow_null=True)
    postal_code = serializers.CharField(allow_null=True)
    data_through = serializers.DateField(allow_null=True)
    suspended = serializers.ListField(
        child=serializers.CharField(),
        help_text="Kinds of fact that count as incomplete until a rejected row is mended.",
    )


PatientRecordSerializer = type(
    "PatientRecordSerializer",
    (_PatientRecord,),
    {"__doc__": _PatientRecord.__doc__, **{name: kind(many=True) for name, kind in FACTS.items()}},
)


def record_json(record: facts.Patient) -> dict[str, Any]:
    """A record of the engines as JSON; what holds for the whole registry (policies, ranges) is left out."""
    left_out = {"policies", "ranges", "source"}
    found = {
        field.name: _plain(getattr(record, field.name))
        for field in dataclasses.fields(record)
        if field.name not in left_out
    }
    return found | {"suspended": sorted(record.suspended)}


def _plain(value: Any) -> Any:
    if isinstance(value, PartialDate):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | frozenset):
        return [_plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a job is. `total` grows while an import is still counting its rows."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    unit = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "applied",
            response_only=True,
            status_codes=["200", "202"],
            value={
                "id": 12,
                "registry": "sarcoma",
                "state": "applied",
                "ended": True,
                "progress": {"done": 1204, "total": 1204, "unit": "rows"},
                "mode": "incremental",
                "dry_run": False,
                "file_name": "november.zip",
                "layout": "canonical",
                "accepted": 1201,
                "rejected": 3,
                "facts": {"new": 1101, "changed": 7, "unchanged": 93, "withdrawn": 0},
                "patients": {"new": 212, "changed": 4},
                "difference": {"conditions": {"new": 240, "changed": 1, "unchanged": 20, "withdrawn": 0}},
                "error": "",
                "created_at": "2026-01-15T09:30:00Z",
                "started_at": "2026-01-15T09:30:01Z",
                "finished_at": "2026-01-15T09:30:04Z",
            },
        )
    ]
)
class ImportSerializer(serializers.Serializer[Upload]):
    """An import: what was sent, how far its reading is, and what became of it."""

    id = serializers.IntegerField()
    registry = serializers.CharField(source="registry.name")
    state = serializers.ChoiceField(
        choices=Upload.State.choices,
        help_text="received and reading and comparing go on by themselves; applied (or compared, of a dry run) is the "
        "good end; failed: the file cannot be used; errored: a fault of the system.",
    )
    ended = serializers.SerializerMethodField(help_text="Nothing more will happen: stop asking.")
    progress = serializers.SerializerMethodField()
    mode = serializers.ChoiceField(choices=Upload.Mode.choices)
    dry_run = serializers.BooleanField()
    file_name = serializers.CharField()
    layout = serializers.CharField(
        allow_blank=True, help_text="canonical or wide; empty until the file was recognised."
    )
    accepted = serializers.IntegerField(help_text="Rows that were read.")
    rejected = serializers.IntegerField(help_text="Rows of which nothing was kept.")
    facts = serializers.SerializerMethodField()
    patients = serializers.SerializerMethodField()
    difference = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()), help_text="Per kind of fact."
    )
    error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_ended(self, upload: Upload) -> bool:
        return upload.state in Upload.ENDED

    def get_progress(self, upload: Upload) -> ProgressSerializer:
        return {"done": upload.rows_done, "total": upload.rows_total, "unit": "rows"}  # type: ignore[return-value]

    def get_facts(self, upload: Upload) -> dict[str, int]:
        names = ("new", "changed", "unchanged", "withdrawn")
        return {name: getattr(upload, name) for name in names}

    def get_patients(self, upload: Upload) -> dict[str, int]:
        return {"new": upload.patients_new, "changed": upload.patients_changed}


class StartImportSerializer(Asked):
    """What to import. Several files, or one zip of them, are one import: the files of one state of a registry."""

    registry = serializers.CharField(max_length=80)
    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        min_length=1,
        max_length=50,
        help_text="CSV files named after their kinds (patients.csv, treatments.csv …), one wide CSV, or one zip; "
        "repeat the field for each file.",
    )
    mode = OneOf(
        choices=Upload.Mode.choices,
        default=Upload.Mode.INCREMENTAL,
        help_text="incremental adds and corrects; snapshot also withdraws what the files no longer hold.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Tell what would change, store no fact.")
    encoding = serializers.CharField(default="utf-8", max_length=40, help_text="utf-8 or windows-1252.")
    preset = OneOf(
        choices=Preset.choices,
        required=False,
        help_text="What the registry is. Checked against the registry: a different one is refused, so that the silence "
        "of a file is never read by the wrong rule.",
    )


class ImportProblemSerializer(serializers.ModelSerializer[UploadProblem]):
    """One thing that was wrong with a row, doubtful or worth knowing, and how to mend it."""

    class Meta:
        model = UploadProblem
        fields = ("id", "severity", "code", "file", "row", "column", "value", "message", "remedy", "rejected")


class ProblemCountSerializer(serializers.Serializer[Any]):
    """How often a problem was met in an import."""

    severity = serializers.ChoiceField(choices=UploadProblem.Severity.choices)
    code = serializers.CharField()
    count = serializers.IntegerField()
