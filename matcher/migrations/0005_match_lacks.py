"""Every match has what it lacks packed, so that missing facts are counted without reading every list."""

from django.db import migrations, models

from matcher.engine.bulk.settling import packed

#: Rows in one statement.
BATCH = 500


def pack(apps, schema_editor):
    """What the rows there are lack."""
    match = apps.get_model("matcher", "Match")
    after = 0
    while rows := list(match.objects.filter(pk__gt=after).order_by("pk").only("missing")[:BATCH]):
        after = rows[-1].pk
        for row in rows:
            row.lacks = packed(row.missing)
        match.objects.bulk_update([row for row in rows if row.lacks], ["lacks"])


class Migration(migrations.Migration):

    dependencies = [("matcher", "0004_match_names_its_document")]

    operations = [
        migrations.AddField(
            model_name="match",
            name="lacks",
            field=models.BinaryField(
                blank=True, default=b"", help_text="The missing facts packed, to count and to find pairs by them."
            ),
        ),
        migrations.RunPython(pack, migrations.RunPython.noop),
    ]
