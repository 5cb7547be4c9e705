"""Match runs, their shards, what they found, and how statuses changed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('patients', '0002_protect_trails'),
        ('trials', '0002_protect_versions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MatchRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of_kind', models.CharField(choices=[('date', 'one date for everyone'), ('data-through', "each patient's own data_through")], default='date', max_length=16)),
                ('as_of', models.DateField(help_text='The date asked about; with data-through, that of patients who have none.')),
                ('known_at', models.DateTimeField(help_text='The instant whose facts are used.')),
                ('vocabulary', models.CharField(help_text='Release of the vocabulary.', max_length=80)),
                ('engine', models.CharField(help_text='Version of the engine and of the language.', max_length=80)),
                ('policy', models.CharField(help_text='Digest of the policies and ranges of the registry.', max_length=64)),
                ('state', models.CharField(choices=[('pending', 'waiting'), ('running', 'running'), ('finished', 'finished'), ('failed', 'failed: it cannot be evaluated'), ('errored', 'errored: a fault of the system'), ('cancelled', 'cancelled')], default='pending', max_length=16)),
                ('patients', models.PositiveIntegerField(default=0)),
                ('shards_total', models.PositiveIntegerField(default=0)),
                ('shards_done', models.PositiveIntegerField(default=0)),
                ('undated', models.PositiveIntegerField(default=0, help_text='Patients without a data_through, evaluated as of the day of known-at instead.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('registry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='match_runs', to='patients.registry')),
                ('requested_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [
                    models.Index(fields=['registry', 'state', '-id'], name='run_registry_state'),
                    models.Index(fields=['state'], name='run_state'),
                ],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('state__in', ('pending', 'running', 'finished', 'failed', 'errored', 'cancelled'))), name='run_state_known', violation_error_message='A run is in one of the states of its life.'),
                    models.CheckConstraint(condition=models.Q(('shards_done__lte', models.F('shards_total'))), name='run_done_within_total', violation_error_message='More shards cannot be done than there are.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'finished'), _negated=True), ('shards_done', models.F('shards_total')), _connector='OR'), name='run_finished_is_whole', violation_error_message='A run is finished when all its shards are done.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', ('pending', 'running'))), models.Q(('finished_at__isnull', False), ('state__in', ('finished', 'failed', 'errored', 'cancelled'))), _connector='OR'), name='run_ended_has_end', violation_error_message='A run that has ended says when, and no other does.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('failed', 'errored')), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='run_failure_is_explained', violation_error_message='A failure says what was wrong.'),
                    models.CheckConstraint(condition=models.Q(('as_of_kind__in', ('date', 'data-through'))), name='run_as_of_kind_known', violation_error_message="A run asks about one date, or about each patient's data_through."),
                ],
            },
        ),
        migrations.CreateModel(
            name='RunVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('open_here', models.BooleanField(default=True, help_text='Whether the trial was open at this site.')),
                ('previous', models.ForeignKey(blank=True, help_text='The same document in the latest finished run before, with which statuses are compared.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='matcher.runversion')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='run_versions', to='matcher.matchrun')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='run_versions', to='trials.version')),
            ],
            options={
                'ordering': ('run', 'version__document__code'),
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'version'), name='run_version_once', violation_error_message='This run evaluates this version already.'),
                ],
            },
        ),
        migrations.AddField(
            model_name='matchrun',
            name='versions',
            field=models.ManyToManyField(related_name='runs', through='matcher.RunVersion', to='trials.version'),
        ),
        migrations.CreateModel(
            name='Shard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('first_patient', models.PositiveBigIntegerField(help_text='Primary key of its first patient.')),
                ('last_patient', models.PositiveBigIntegerField(help_text='Primary key of its last patient.')),
                ('patients', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('pending', 'waiting'), ('running', 'being evaluated'), ('done', 'done'), ('errored', 'errored')], default='pending', max_length=16)),
                ('sent_at', models.DateTimeField(blank=True, help_text='When a message last said that it waits.', null=True)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_by', models.CharField(blank=True, default='', help_text='Token of the attempt that holds it.', max_length=64)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('undated', models.PositiveIntegerField(default=0)),
                ('counts', models.JSONField(blank=True, default=dict, help_text='What it found, per version: summed when all are done.')),
                ('error', models.CharField(blank=True, default='', max_length=200)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shards', to='matcher.matchrun')),
            ],
            options={
                'ordering': ('run', 'number'),
                'indexes': [
                    models.Index(fields=['state', 'claimed_at'], name='shard_state_claimed'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'number'), name='shard_number_unique', violation_error_message='This run already has a shard of this number.'),
                    models.CheckConstraint(condition=models.Q(('first_patient__lte', models.F('last_patient'))), name='shard_range_in_order', violation_error_message='A shard goes from its first patient to its last.'),
                    models.CheckConstraint(condition=models.Q(('state__in', ('pending', 'running', 'done', 'errored'))), name='shard_state_known', violation_error_message='A shard is in one of the states of its life.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'running'), _negated=True), models.Q(('claimed_at__isnull', False), models.Q(('claimed_by', ''), _negated=True)), _connector='OR'), name='shard_running_is_claimed', violation_error_message='A shard that is being evaluated says by which attempt and since when.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('finished_at__isnull', False), _connector='OR'), name='shard_done_has_end', violation_error_message='A shard that is done says when.'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Match',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of', models.DateField()),
                ('status', models.CharField(choices=[('potentially_eligible', 'potentially eligible'), ('needs_information', 'needs information'), ('not_now', 'not now'), ('not_eligible', 'not eligible')], max_length=24)),
                ('offered', models.BooleanField(help_text='Whether the trial takes patients here and now.')),
                ('cohort', models.CharField(blank=True, default='', max_length=80)),
                ('cohorts', models.JSONField(blank=True, default=list)),
                ('needs', models.CharField(blank=True, choices=[('facts', 'facts'), ('reader', 'a reader'), ('both', 'facts and a reader')], default='', max_length=8)),
                ('missing', models.JSONField(blank=True, default=list)),
                ('to_read', models.JSONField(blank=True, default=list)),
                ('clears_on', models.DateField(blank=True, help_text='When time alone clears what stands against it.', null=True)),
                ('next_flip', models.DateField(blank=True, help_text='The next date on which time alone may change it.', null=True)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='patients.patient')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='trials.version')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matches', to='matcher.matchrun')),
                ('shard', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matches', to='matcher.shard')),
            ],
            options={
                'verbose_name_plural': 'matches',
                'ordering': ('run', 'id'),
                'indexes': [
                    models.Index(fields=['run', 'version', 'status', 'needs'], name='match_run_version_status'),
                    models.Index(fields=['run', 'status'], name='match_run_status'),
                    models.Index(fields=['patient', 'run'], name='match_patient_run'),
                    models.Index(fields=['next_flip'], name='match_next_flip'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'patient', 'version'), name='match_unique', violation_error_message='This run already has an answer for this patient and version.'),
                    models.CheckConstraint(condition=models.Q(('status__in', ('potentially_eligible', 'needs_information', 'not_now'))), name='match_status_known', violation_error_message='A match is potentially eligible, needs information or is not now.'),
                    models.CheckConstraint(condition=models.Q(('needs__in', ('', 'facts', 'reader', 'both'))), name='match_needs_known', violation_error_message='A match needs facts, a reader, or both.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('status', 'needs_information'), models.Q(('needs', ''), _negated=True)), models.Q(models.Q(('status', 'needs_information'), _negated=True), ('needs', '')), _connector='OR'), name='match_says_what_it_needs', violation_error_message='A match that needs information says what, and no other does.'),
                    models.CheckConstraint(condition=models.Q(('clears_on__isnull', True), models.Q(('clears_on__gt', models.F('as_of')), ('status', 'not_now')), _connector='OR'), name='match_clears_later', violation_error_message='Only a match that is not now clears, and only later.'),
                ],
            },
        ),
        migrations.CreateModel(
            name='StatusChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_status', models.CharField(blank=True, choices=[('potentially_eligible', 'potentially eligible'), ('needs_information', 'needs information'), ('not_now', 'not now'), ('not_eligible', 'not eligible')], default='', max_length=24)),
                ('to_status', models.CharField(choices=[('potentially_eligible', 'potentially eligible'), ('needs_information', 'needs information'), ('not_now', 'not now'), ('not_eligible', 'not eligible')], max_length=24)),
                ('cause', models.CharField(choices=[('new patient', 'the patient is new'), ('new version', 'the document was amended'), ('facts', 'facts or answers of the patient'), ('policy', 'policies or ranges of the registry'), ('vocabulary', 'the vocabulary'), ('engine', 'the engine'), ('time', 'time alone')], max_length=16)),
                ('detail', models.CharField(blank=True, default='', help_text='The upload or action behind it.', max_length=80)),
                ('at', models.DateTimeField()),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='status_changes', to='trials.document')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='status_changes', to='patients.patient')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='status_changes', to='matcher.matchrun')),
                ('shard', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='matcher.shard')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trials.version')),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [
                    models.Index(fields=['patient', 'document', '-id'], name='status_change_patient'),
                    models.Index(fields=['run', 'document'], name='status_change_run'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'patient', 'document'), name='status_change_once', violation_error_message='This run already tells how the status of this patient and trial changed.'),
                    models.CheckConstraint(condition=models.Q(('from_status__in', ('', 'potentially_eligible', 'needs_information', 'not_now', 'not_eligible')), ('to_status__in', ['potentially_eligible', 'needs_information', 'not_now', 'not_eligible'])), name='status_change_known', violation_error_message='A status is one of the four.'),
                    models.CheckConstraint(condition=models.Q(('from_status', models.F('to_status')), _negated=True), name='status_change_changes', violation_error_message='A change of status is from one status to another.'),
                    models.CheckConstraint(condition=models.Q(('cause__in', ('new patient', 'new version', 'facts', 'policy', 'vocabulary', 'engine', 'time'))), name='status_change_cause_known', violation_error_message='A change of status has one of the known causes.'),
                ],
            },
        ),
        migrations.CreateModel(
            name='TrialCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('potentially_eligible', models.PositiveIntegerField(default=0)),
                ('needs_information', models.PositiveIntegerField(default=0)),
                ('not_now', models.PositiveIntegerField(default=0)),
                ('not_eligible', models.PositiveIntegerField(default=0)),
                ('deceased', models.PositiveIntegerField(default=0)),
                ('funnel', models.JSONField(blank=True, default=list)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='counts', to='matcher.matchrun')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trials.version')),
            ],
            options={
                'ordering': ('run', 'version__document__code'),
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'version'), name='trial_count_once', violation_error_message='This run has counted this version already.'),
                ],
            },
        ),
    ]
