"""The peer's two ways to import observations: with the settings a ModelResource has by itself, and with its fast ones.

Both know a row by its record id and a patient by the registry's id, without which a second upload would double
everything; that is all they are told.
"""

from __future__ import annotations

from import_export import fields, resources
from import_export.instance_loaders import CachedInstanceLoader
from import_export.widgets import ForeignKeyWidget

from bench.peer.models import Observation, Patient

_FIELDS = ("record_id", "patient", "test", "value", "unit", "date", "ref_low", "ref_high", "method", "specimen")


def _patient_field() -> fields.Field:
    return fields.Field(
        column_name="patient_id", attribute="patient", widget=ForeignKeyWidget(Patient, field="patient_id")
    )


class ObservationResource(resources.ModelResource):
    """As it comes."""

    patient = _patient_field()

    class Meta:
        model = Observation
        import_id_fields = ("record_id",)
        fields = _FIELDS


class FastObservationResource(resources.ModelResource):
    """With what its manual recommends for large files: bulk statements, no difference of each row kept."""

    patient = _patient_field()

    class Meta:
        model = Observation
        import_id_fields = ("record_id",)
        fields = _FIELDS
        use_bulk = True
        skip_diff = True
        instance_loader_class = CachedInstanceLoader


RESOURCES = {"default": ObservationResource, "bulk": FastObservationResource}
