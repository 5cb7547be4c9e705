"""Every match has a digest of what it lacks, so that missing facts are counted without reading every list."""

from django.db import migrations, models

from matcher.engine.bulk.settling import digest_of

#: Rows in one statement.
BATCH = 500


def count_what_is_lacking(apps, schema_editor):
    """Of the rows there are."""
    Match = apps.get_model("matcher", "Match")
    after = 0
    while rows := list(Match.objects.filter(pk__gt=after).order_by("pk").only("missing")[:BATCH]):
        after = rows[-1].pk
        for row in rows:
            row.lacks = digest_of(row.missing)
        Match.objects.bulk_update([row for row in rows if row.lacks], ["lacks"])


class Migration(migrations.Migration):

    dependencies = [("matcher", "0004_match_names_its_document")]

    operations = [
        migrations.AddField(
            model_name="match",
            name="lacks",
            field=models.BigIntegerField(
                default=0, help_text="Digest of the missing facts, to count pairs alike together."
            ),
        ),
        migrations.RunPython(count_what_is_lacking, migrations.RunPython.noop),
    ]
