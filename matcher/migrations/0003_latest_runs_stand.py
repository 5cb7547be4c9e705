"""The rows of the latest finished run of each registry become the answers that hold now.

What a pair without a row says, and when time may change it, no row tells: every patient of these registries is asked
again as soon as a worker runs.
"""

from django.db import migrations
from django.db.models import Exists, Max, OuterRef, Q, Subquery

#: Of which no patient's answers can have the digest: all are read and compared.
NEVER = -1


def forwards(apps, schema_editor):
    model = apps.get_model
    match, count, run = model("matcher", "Match"), model("matcher", "TrialCount"), model("matcher", "MatchRun")
    versions = model("trials", "Version").objects.filter(pk=OuterRef("version_id"))
    match.objects.update(document_id=Subquery(versions.values("document_id")[:1]))
    closed = model("matcher", "RunVersion").objects.filter(
        run_id=OuterRef("run_id"), version_id=OuterRef("version_id"), open_here=False
    )
    count.objects.filter(Exists(closed)).update(open_here=False)
    for registry in model("patients", "Registry").objects.order_by("pk"):
        latest = run.objects.filter(registry=registry, state="finished").order_by("-pk").first()
        if latest is None:
            continue
        log = model("patients", "ChangeLog").objects.filter(registry=registry, at__lte=latest.known_at)
        latest.kind, latest.because = "standing", "the latest before answers were kept up to date"
        latest.cursor = log.aggregate(last=Max("pk"))["last"] or 0
        latest.save(update_fields=["kind", "because", "cursor"])
        match.objects.filter(run=latest).update(current=True)
        count.objects.filter(run=latest).update(current=True)
        known = model("patients", "PatientDetails").objects.filter(
            Q(recorded_at__lte=latest.known_at),
            Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=latest.known_at),
            patient=OuterRef("pk"),
        )
        there = model("patients", "Patient").objects.filter(Exists(known), registry=registry)
        standing = model("matcher", "PatientStanding")
        standing.objects.bulk_create(
            (
                standing(patient_id=pk, registry=registry, run=latest, digest=NEVER)
                for pk in there.values_list("pk", flat=True).iterator()
            ),
            batch_size=1000,
        )
        model("matcher", "StandingQuestion").objects.create(
            registry=registry, run=latest, as_of_kind=latest.as_of_kind, whole_due=True
        )


class Migration(migrations.Migration):

    dependencies = [("matcher", "0002_answers_as_they_stand"), ("patients", "0003_api_keys")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop, elidable=True)]
