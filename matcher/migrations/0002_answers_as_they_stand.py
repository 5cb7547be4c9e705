"""Answers are intervals, one of them current for a patient and trial; a registry has one standing question."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('matcher', '0001_runs'),
        ('patients', '0003_api_keys'),
        ('trials', '0002_protect_versions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PatientStanding',
            fields=[
                ('patient', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='standing', serialize=False, to='patients.patient')),
                ('digest', models.BigIntegerField(default=0)),
                ('next_flip', models.DateField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='StandingQuestion',
            fields=[
                ('registry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='standing', serialize=False, to='patients.registry')),
                ('as_of_kind', models.CharField(choices=[('date', 'one date for everyone'), ('data-through', "each patient's own data_through")], default='date', max_length=16)),
                ('whole_due', models.BooleanField(default=False, help_text='A standing run ended badly, perhaps half stored: only every patient will do.')),
            ],
        ),
        migrations.RemoveIndex(
            model_name='match',
            name='match_run_status',
        ),
        migrations.RemoveIndex(
            model_name='match',
            name='match_next_flip',
        ),
        migrations.RemoveField(
            model_name='runversion',
            name='previous',
        ),
        migrations.AddField(
            model_name='match',
            name='current',
            field=models.BooleanField(default=False, help_text='Whether it holds now, of the standing question.'),
        ),
        migrations.AddField(
            model_name='match',
            name='digest',
            field=models.BigIntegerField(default=0, help_text='Of all it says but the dates that move with the calendar.'),
        ),
        migrations.AddField(
            model_name='match',
            name='document',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='trials.document'),
        ),
        migrations.AddField(
            model_name='match',
            name='replaced_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='match',
            name='replaced_by',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The standing run that found otherwise.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='matcher.matchrun'),
        ),
        migrations.AddField(
            model_name='matchrun',
            name='base',
            field=models.ForeignKey(blank=True, help_text='The standing run that it starts from: what that left is compared, and what came since is the cause.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='matcher.matchrun'),
        ),
        migrations.AddField(
            model_name='matchrun',
            name='because',
            field=models.CharField(blank=True, default='', help_text='What made the system start it.', max_length=200),
        ),
        migrations.AddField(
            model_name='matchrun',
            name='cursor',
            field=models.PositiveBigIntegerField(default=0, help_text='The last change of the log that it takes account of, and with it all before.'),
        ),
        migrations.AddField(
            model_name='matchrun',
            name='kind',
            field=models.CharField(choices=[('asked', 'asked once'), ('standing', 'keeps the answers that hold now')], default='asked', max_length=16),
        ),
        migrations.AddField(
            model_name='matchrun',
            name='scope',
            field=models.CharField(choices=[('whole', 'every patient, every trial asked about'), ('patients', 'some patients, every trial that stands'), ('versions', 'every patient, some trials')], default='whole', max_length=16),
        ),
        migrations.AddField(
            model_name='shard',
            name='chosen',
            field=models.JSONField(blank=True, help_text='The primary keys of its patients; null: all of the range.', null=True),
        ),
        migrations.AddField(
            model_name='statuschange',
            name='because',
            field=models.CharField(blank=True, default='', help_text='The facts that decided, or whose time was up, in words.', max_length=300),
        ),
        migrations.AddField(
            model_name='trialcount',
            name='current',
            field=models.BooleanField(default=False, help_text='Whether it holds now, of the standing question.'),
        ),
        migrations.AddField(
            model_name='trialcount',
            name='open_here',
            field=models.BooleanField(default=True, help_text='Whether the trial was open at this site.'),
        ),
        migrations.AddField(
            model_name='trialcount',
            name='replaced_by',
            field=models.ForeignKey(blank=True, help_text='The standing run that counted otherwise.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='matcher.matchrun'),
        ),
        migrations.AlterField(
            model_name='match',
            name='patient',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='patients.patient'),
        ),
        migrations.AlterField(
            model_name='match',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='matches', to='matcher.matchrun'),
        ),
        migrations.AlterField(
            model_name='match',
            name='shard',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='matches', to='matcher.shard'),
        ),
        migrations.AlterField(
            model_name='match',
            name='version',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='trials.version'),
        ),
        migrations.AlterField(
            model_name='shard',
            name='counts',
            field=models.JSONField(blank=True, default=dict, help_text='What it found, per version: summed when all are done. Of a run of some patients, by how much the counts change.'),
        ),
        migrations.AddIndex(
            model_name='match',
            index=models.Index(condition=models.Q(('current', True)), fields=['version', 'status', 'needs'], name='match_current_version_status'),
        ),
        migrations.AddIndex(
            model_name='matchrun',
            index=models.Index(fields=['registry', 'kind', '-id'], name='run_registry_kind'),
        ),
        migrations.AddIndex(
            model_name='trialcount',
            index=models.Index(fields=['current', 'version'], name='trial_count_current'),
        ),
        migrations.AddConstraint(
            model_name='match',
            constraint=models.UniqueConstraint(condition=models.Q(('current', True)), fields=('patient', 'document'), name='match_one_current', violation_error_message='Another answer holds for this patient and trial; it must be replaced first.'),
        ),
        migrations.AddConstraint(
            model_name='match',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('replaced_at__isnull', True), ('replaced_by__isnull', True)), models.Q(('current', False), ('replaced_at__isnull', False), ('replaced_by__isnull', False)), _connector='OR'), name='match_replaced_by_whom_and_when', violation_error_message='A match that was replaced says by which run and when, and holds no more.'),
        ),
        migrations.AddConstraint(
            model_name='matchrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'asked'), ('scope', 'whole')), models.Q(('kind', 'standing'), ('scope__in', ('whole', 'patients', 'versions'))), _connector='OR'), name='run_kind_and_scope_known', violation_error_message='A run is asked, of everything, or standing, of everything or a part.'),
        ),
        migrations.AddConstraint(
            model_name='matchrun',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'standing'), ('state__in', ('pending', 'running'))), fields=('registry',), name='run_one_standing_under_way', violation_error_message='The answers of this registry are being brought up to date already.'),
        ),
        migrations.AddConstraint(
            model_name='trialcount',
            constraint=models.CheckConstraint(condition=models.Q(('current', False), ('replaced_by__isnull', True), _connector='OR'), name='trial_count_holds_or_is_replaced', violation_error_message='Counts that were replaced hold no more.'),
        ),
        migrations.AddField(
            model_name='patientstanding',
            name='registry',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.registry'),
        ),
        migrations.AddField(
            model_name='patientstanding',
            name='run',
            field=models.ForeignKey(help_text='That last changed it.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='matcher.matchrun'),
        ),
        migrations.AddField(
            model_name='standingquestion',
            name='run',
            field=models.ForeignKey(blank=True, help_text='The latest standing run that finished.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='matcher.matchrun'),
        ),
        migrations.AddIndex(
            model_name='patientstanding',
            index=models.Index(fields=['registry', 'next_flip'], name='patient_standing_flip'),
        ),
        migrations.AddConstraint(
            model_name='standingquestion',
            constraint=models.CheckConstraint(condition=models.Q(('as_of_kind__in', ('date', 'data-through'))), name='standing_as_of_kind_known', violation_error_message="The standing question is about today, or about each patient's data_through."),
        ),
    ]
