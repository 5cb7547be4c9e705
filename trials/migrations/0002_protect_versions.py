"""The database refuses to change or delete a frozen version."""

from django.db import migrations

from trials import protection


def install(apps, schema_editor):
    protection.install(schema_editor.connection)


def remove(apps, schema_editor):
    protection.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = (("trials", "0001_documents"),)
    operations = (migrations.RunPython(install, remove),)
