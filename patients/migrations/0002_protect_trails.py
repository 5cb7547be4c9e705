"""The database refuses to change or delete rows of the audit trail and of the change log."""

from django.db import migrations

from patients.trust import protection


def install(apps, schema_editor):
    protection.install(schema_editor.connection)


def remove(apps, schema_editor):
    protection.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = (("patients", "0001_facts"),)
    operations = (migrations.RunPython(install, remove),)
