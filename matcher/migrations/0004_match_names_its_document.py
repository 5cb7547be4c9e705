"""Every match names its document, of which one answer holds for each patient."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("matcher", "0003_latest_runs_stand"), ("trials", "0002_protect_versions")]

    operations = [
        migrations.AlterField(
            model_name="match",
            name="document",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="matches", to="trials.document"
            ),
        ),
    ]
