"""Documents, their drafts and frozen versions."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('trial', 'trial'), ('option', 'treatment option')], max_length=8)),
                ('code', models.CharField(help_text='The id of the document, such as LMS03 or trabectedin.', max_length=80)),
                ('nct', models.CharField(blank=True, default='', help_text='Its number at ClinicalTrials.gov.', max_length=16)),
                ('acronym', models.CharField(blank=True, default='', max_length=80)),
                ('other_ids', models.JSONField(blank=True, default=list, help_text='Other ids it answers to.')),
                ('title', models.CharField(max_length=500)),
                ('open_here', models.BooleanField(default=True, help_text='Whether this site takes patients into the trial.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('kind', 'code'),
                'constraints': [
                    models.UniqueConstraint(django.db.models.functions.text.Lower('code'), name='document_code_unique', violation_error_message='Another document has this id.'),
                    models.UniqueConstraint(django.db.models.functions.text.Lower('nct'), condition=models.Q(('nct', ''), _negated=True), name='document_nct_unique', violation_error_message='Another trial has this NCT number.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('code', ''), _negated=True), models.Q(('title', ''), _negated=True)), name='document_is_named', violation_error_message='A document has an id and a title.'),
                    models.CheckConstraint(condition=models.Q(('kind__in', ('trial', 'option'))), name='document_kind_known', violation_error_message='A document is a trial or an option.'),
                    models.CheckConstraint(condition=models.Q(('kind', 'trial'), models.Q(('acronym', ''), ('nct', '')), _connector='OR'), name='document_option_has_no_nct', violation_error_message='Only a trial has an NCT number or an acronym.'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(help_text='The document as YAML.')),
                ('author_name', models.CharField(help_text='Who wrote it last.', max_length=200)),
                ('editors', models.JSONField(blank=True, default=list, help_text='Everyone who wrote in it since the last version: none of them reviews it.')),
                ('content_hash', models.CharField(blank=True, default='', help_text='Of what the text says; empty while it cannot be read.', max_length=64)),
                ('updated_at', models.DateTimeField()),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('document', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='draft', to='trials.document')),
            ],
            options={
                'ordering': ('document',),
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('author_name', ''), _negated=True), name='draft_has_author', violation_error_message='A draft has an author.'),
                ],
            },
        ),
        migrations.CreateModel(
            name='SharedStatement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=80, unique=True)),
                ('text', models.TextField(help_text='The statement as YAML.')),
                ('author_name', models.CharField(max_length=200)),
                ('updated_at', models.DateTimeField()),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('code',),
            },
        ),
        migrations.CreateModel(
            name='Version',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('content', models.JSONField(help_text='The whole document, from which `parsed` reads it back.')),
                ('content_hash', models.CharField(max_length=64)),
                ('recruitment', models.CharField(blank=True, choices=[('recruiting', 'recruiting'), ('not yet recruiting', 'not yet recruiting'), ('enrolling by invitation', 'enrolling by invitation'), ('active, not recruiting', 'active, not recruiting'), ('suspended', 'suspended'), ('completed', 'completed'), ('terminated', 'terminated'), ('withdrawn', 'withdrawn'), ('unknown', 'unknown'), ('not given', 'not given')], default='', max_length=32)),
                ('author_name', models.CharField(max_length=200)),
                ('reviewer_name', models.CharField(max_length=200)),
                ('frozen_at', models.DateTimeField()),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='trials.document')),
                ('reviewer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('document', '-number'),
                'constraints': [
                    models.UniqueConstraint(fields=('document', 'number'), name='version_number_unique', violation_error_message='This document already has a version of this number.'),
                    models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('document',), name='version_one_published', violation_error_message='Another version of this document is in force; it must be superseded first.'),
                    models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='version_number_from_one', violation_error_message='Versions count from 1.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('author_name', ''), _negated=True), models.Q(('reviewer_name', ''), _negated=True)), name='version_names_people', violation_error_message='A version names its author and its reviewer.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('author_name', models.F('reviewer_name')), _negated=True), models.Q(('author__isnull', True), ('reviewer__isnull', True), models.Q(('author', models.F('reviewer')), _negated=True), _connector='OR')), name='version_author_is_not_reviewer', violation_error_message='Author and reviewer are different people.'),
                    models.CheckConstraint(condition=models.Q(('superseded_at__isnull', True), ('superseded_at__gte', models.F('frozen_at')), _connector='OR'), name='version_superseded_after_frozen', violation_error_message='A version cannot be superseded before it was frozen.'),
                ],
            },
        ),
    ]
