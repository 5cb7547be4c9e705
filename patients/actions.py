"""Every write of the patients floor that means something: who did it and why stands in its own transaction.

Facts and declarations are withdrawn and recorded anew, never changed. `by` is the person; None is the system itself,
acting for whoever started the command.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from patients import changes, trust
from patients.facts import CODED, folded
from patients.intake import context_for, encoding_named, reread
from patients.intake.drafts import key_text
from patients.intake.scopes import ScopeProblem, canonical
from patients.intake.sources import SUFFIXES
from patients.intake.storing import fact_of
from patients.models import (
    AnswerFact,
    CompletenessSuspension,
    Domain,
    Fact,
    NameMapping,
    Patient,
    Preset,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    Upload,
)
from patients.selectors import FACT_OF_DOMAIN
from patients.vocabulary import Domain as Words
from patients.vocabulary import default

User = AbstractBaseUser

#: Days an answer holds where its document says nothing else (policy).
ANSWER_DAYS = 90
#: Largest upload, as it is sent.
MAX_UPLOAD = 500_000_000
#: A worker tells every few seconds that it lives; one that was silent for so long is taken for dead.
UPLOAD_IS_STALE = timedelta(minutes=2)

_COMPLETE, _OPEN = RegistryPolicy.Reading.COMPLETE, RegistryPolicy.Reading.OPEN

#: What is recorded with a registry of each preset: domain, scope, policy, only with an explicit data_through.
PRESET_POLICIES: dict[str, tuple[tuple[str, str, str, bool], ...]] = {
    # First-course files are not treatment histories: what is not in them may have happened.
    Preset.CANCER_REGISTRY: ((Domain.CONDITIONS, "kind:primary", _COMPLETE, False),),
    Preset.CLINIC: (
        (Domain.CONDITIONS, "kind:primary", _COMPLETE, False),
        (Domain.TREATMENTS, "kind:drug", _COMPLETE, True),
    ),
}


# --- Registries -------------------------------------------------------------------------------------------------


@transaction.atomic
def create_registry(
    *,
    name: str,
    by: User | None,
    preset: str = Preset.CANCER_REGISTRY,
    title: str = "",
    time_zone: str = "UTC",
) -> Registry:
    """A new registry with the policies of its preset. Raises ValidationError for a bad name, zone or preset."""
    if time_zone not in available_timezones():
        raise ValidationError({"time_zone": f"{time_zone!r} is no zone of the IANA database; write Europe/Paris"})
    registry = Registry(name=name, title=title, time_zone=time_zone, preset=preset, created_by=by)
    registry.full_clean()
    registry.save()
    now = timezone.now()
    policies = [
        RegistryPolicy(
            registry=registry,
            domain=domain,
            scope=scope,
            policy=policy,
            needs_data_through=needs_data_through,
            recorded_at=now,
            recorded_by=by,
        )
        for domain, scope, policy, needs_data_through in PRESET_POLICIES[preset]
    ]
    RegistryPolicy.objects.bulk_create(policies)
    trust.record(
        actor=by,
        action="registry created",
        target=registry,
        registry=registry,
        after={"name": name, "preset": str(preset), "policies": [str(policy) for policy in policies]},
    )
    changes.registry_changed(registry, cause="registry created")
    return registry


@transaction.atomic
def set_policy(
    *,
    registry: Registry,
    domain: str,
    policy: str,
    by: User | None,
    scope: str = "all",
    currency_days: int | None = None,
    needs_data_through: bool = False,
    reason: str = "",
) -> RegistryPolicy:
    """Record how silence is read in a domain and scope, withdrawing what was recorded before.

    Raises ValidationError where the scope means nothing or nothing would change.
    """
    try:
        scope = canonical(scope, domain=domain, vocabulary=default())
    except ScopeProblem as problem:
        raise ValidationError({"scope": str(problem)}) from None
    now = timezone.now()
    current = (
        RegistryPolicy.objects.select_for_update()
        .filter(registry=registry, domain=domain, scope=scope, withdrawn_at__isnull=True)
        .first()
    )
    row = RegistryPolicy(
        registry=registry,
        domain=domain,
        scope=scope,
        policy=policy,
        currency_days=currency_days,
        needs_data_through=needs_data_through,
        recorded_at=now,
        recorded_by=by,
    )
    row.clean_fields()
    shown = ("policy", "currency_days", "needs_data_through")
    before = trust.audit.as_json(current, shown) if current is not None else None
    if before == trust.audit.as_json(row, shown):
        raise ValidationError("this policy holds already")
    if current is not None:
        current.withdrawn_at = now
        current.save(update_fields=["withdrawn_at"])
    row.save()
    trust.record(
        actor=by,
        action="registry policy recorded",
        target=row,
        registry=registry,
        before=before,
        after={"domain": domain, "scope": scope, **trust.audit.as_json(row, shown)},
        reason=reason,
    )
    changes.registry_changed(registry, cause="policy", at=now)
    return row


@transaction.atomic
def withdraw_policy(*, policy: RegistryPolicy, by: User | None, reason: str) -> None:
    """Withdraw a policy: the domain and scope are open again."""
    _need(reason, "withdrawing a policy")
    if policy.withdrawn_at is not None:
        raise ValidationError("this policy is withdrawn already")
    policy.withdrawn_at = timezone.now()
    policy.save(update_fields=["withdrawn_at"])
    trust.record(
        actor=by, action="registry policy withdrawn", target=policy, registry=policy.registry, before=str(policy),
        reason=reason,
    )  # fmt: skip
    changes.registry_changed(policy.registry, cause="policy")


@transaction.atomic
def set_range(
    *,
    registry: Registry,
    test: str,
    unit: str | None,
    by: User | None,
    low: float | None = None,
    high: float | None = None,
    sex: str = "",
    age_from: float | None = None,
    age_to: float | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
    laboratory: str = "",
    reason: str = "",
) -> ReferenceRange:
    """Record a normal range in any unit of its test, withdrawing the one of the same sex, ages, period, laboratory.

    Raises ValidationError for an unknown test or unit, and for limits that contradict each other.
    """
    vocabulary = default()
    found = vocabulary.find_test(test)
    if found is None:
        raise ValidationError({"test": f"no test is called {test!r}"})
    limits = {
        name: None if value is None else vocabulary.convert(value, test=found, unit=unit)
        for name, value in (("low", low), ("high", high))
    }
    if (low is not None and limits["low"] is None) or (high is not None and limits["high"] is None):
        raise ValidationError(
            {"unit": f"{unit!r} is no unit of {test}: use {', '.join(vocabulary.units_of(found)[:8])}"}
        )
    parts = (found, sex, age_from, age_to, valid_from, valid_to, laboratory)
    now = timezone.now()
    row = ReferenceRange(
        registry=registry,
        test=found,
        sex=sex,
        age_from=age_from,
        age_to=age_to,
        valid_from=valid_from,
        valid_to=valid_to,
        laboratory=laboratory,
        shown=f"{'' if low is None else low} to {'' if high is None else high} {unit or ''}".strip(),
        key=key_text([str(part or "") for part in parts]),
        recorded_at=now,
        recorded_by=by,
        **limits,
    )
    current = (
        ReferenceRange.objects.select_for_update()
        .filter(registry=registry, key=row.key, withdrawn_at__isnull=True)
        .first()
    )
    before = trust.audit.as_json(current, ("low", "high")) if current is not None else None
    if current is not None:
        current.withdrawn_at = now
        current.save(update_fields=["withdrawn_at"])
    row.full_clean()
    row.save()
    trust.record(
        actor=by,
        action="reference range recorded",
        target=row,
        registry=registry,
        before=before,
        after={"key": row.key, **trust.audit.as_json(row, ("low", "high"))},
        reason=reason,
    )
    changes.registry_changed(registry, cause="reference range", at=now)
    return row


# --- Names ------------------------------------------------------------------------------------------------------

_WORDS: dict[str, tuple[Words, ...]] = {
    Domain.CONDITIONS: (Words.CANCER, Words.CONDITION),
    Domain.TREATMENTS: (Words.DRUG, Words.PROCEDURE),
    Domain.MEDICATIONS: (Words.DRUG, Words.PROCEDURE),
    Domain.OBSERVATIONS: (Words.TEST,),
    Domain.BIOMARKERS: (Words.GENE,),
}


@transaction.atomic
def map_name(
    *, registry: Registry | None, domain: str, name: str, concept: str, by: User | None, reason: str = ""
) -> NameMapping:
    """Decide what a name of the source means, in one registry or (`registry` None) in all.

    The facts that bear the name are withdrawn and recorded again from their own words with the new meaning, and
    later imports read the name so. Raises ValidationError for a concept that is not in the vocabulary of the domain.
    """
    key = folded(name)[:300]
    if not key:
        raise ValidationError({"name": "the name is empty"})
    if domain == Domain.DISEASE_STATUS:
        if concept not in CODED["disease_status"]:
            raise ValidationError({"concept": f"use one of: {', '.join(CODED['disease_status'])}"})
    elif domain not in _WORDS:
        raise ValidationError({"domain": f"use one of: {', '.join(Domain.values)}"})
    else:
        known = default().get(concept)
        if known is None or known.domain not in _WORDS[domain]:
            near = ", ".join(default().nearest(concept, *_WORDS[domain]))
            raise ValidationError({"concept": f"no concept {concept!r} for {domain}; nearest: {near or 'none'}"})
    now = timezone.now()
    current = (
        NameMapping.objects.select_for_update()
        .filter(registry=registry, domain=domain, name=key, withdrawn_at__isnull=True)
        .first()
    )
    if current is not None:
        if current.concept == concept:
            raise ValidationError("this name is mapped so already")
        current.withdrawn_at = now
        current.save(update_fields=["withdrawn_at"])
    mapping = NameMapping.objects.create(
        registry=registry, domain=domain, name=key, concept=concept, recorded_at=now, recorded_by=by
    )
    trust.record(
        actor=by,
        action="name mapped",
        target=mapping,
        registry=registry,
        before={"concept": current.concept} if current is not None else None,
        after={"domain": str(domain), "name": key, "concept": concept},
        reason=reason,
    )
    _reread_named(mapping, by=by)
    return mapping


@transaction.atomic
def withdraw_mapping(*, mapping: NameMapping, by: User | None, reason: str) -> None:
    """Take a mapping back: the facts of the name are read again with the vocabulary alone."""
    _need(reason, "withdrawing a mapping")
    if mapping.withdrawn_at is not None:
        raise ValidationError("this mapping is withdrawn already")
    mapping.withdrawn_at = timezone.now()
    mapping.save(update_fields=["withdrawn_at"])
    trust.record(
        actor=by,
        action="name mapping withdrawn",
        target=mapping,
        registry=mapping.registry,
        before={"domain": mapping.domain, "name": mapping.name, "concept": mapping.concept},
        reason=reason,
    )
    _reread_named(mapping, by=by)


def _reread_named(mapping: NameMapping, *, by: User | None) -> None:
    """Withdraw the current facts that bear the mapping's name and record what their words mean now."""
    model = FACT_OF_DOMAIN[mapping.domain]
    facts = model._default_manager.select_for_update().filter(folded_name=mapping.name, withdrawn_at__isnull=True)
    if mapping.registry is not None:
        facts = facts.filter(patient__registry=mapping.registry)
    by_registry: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts.select_related("patient__registry").order_by("pk"):
        by_registry[fact.patient.registry_id].append(fact)
    for rows in by_registry.values():
        _reread_rows(mapping, rows, rows[0].patient.registry, by=by)


def _reread_rows(mapping: NameMapping, rows: list[Fact], registry: Registry, *, by: User | None) -> None:
    model = type(rows[0])
    context = context_for(registry)
    # The drugs of one combination share their row: it is read once.
    groups: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    for fact in rows:
        groups[fact.patient_id, fact.upload_id, fact.file, fact.row, repr(sorted(fact.cells.items()))].append(fact)
    now = timezone.now()
    fresh: list[Fact] = []
    gone: list[Fact] = []
    taken: dict[tuple[int, str], int] = {}
    for old in groups.values():
        drafts = reread(old[0], kind=mapping.domain, context=context)
        if not drafts or {draft.fingerprint for draft in drafts} == {fact.fingerprint for fact in old}:
            continue
        gone += old
        for draft in drafts:
            identity = (old[0].patient_id, draft.key)
            if identity not in taken:
                others = model._default_manager.filter(
                    patient_id=identity[0], key=draft.key, withdrawn_at__isnull=True
                ).exclude(pk__in=[fact.pk for fact in rows])
                taken[identity] = max(others.values_list("sequence", flat=True), default=-1) + 1
            fact = fact_of(
                draft,
                patient_id=old[0].patient_id,
                sequence=taken[identity],
                at=now,
                upload=old[0].upload,
                vocabulary=context.vocabulary.release,
                by=by,
            )
            taken[identity] += 1
            fact.note = (fact.note + "; " if fact.note else "") + "name mapped by a person"
            if mapping.withdrawn_at is not None:
                fact.note = draft.note
            fresh.append(fact)
    model._default_manager.filter(pk__in=[fact.pk for fact in gone]).update(withdrawn_at=now)
    model._default_manager.bulk_create(fresh, batch_size=500)
    withdrawn_of: dict[int, list[int]] = defaultdict(list)
    recorded_of: dict[int, list[int]] = defaultdict(list)
    for fact in gone:
        withdrawn_of[fact.patient_id].append(fact.pk)
    for fact in fresh:
        recorded_of[fact.patient_id].append(fact.pk)
    trust.record_all(
        (
            trust.Event(
                action="patient facts changed",
                target=Patient(pk=patient),
                registry=registry,
                before={"withdrawn": {mapping.domain: withdrawn_of[patient]}},
                after={"mapping": mapping.pk, "recorded": {mapping.domain: recorded_of[patient]}},
            )
            for patient in withdrawn_of
        ),
        actor=by,
    )
    changes.patients_changed(withdrawn_of, registry=registry, cause=f"mapping {mapping.pk}", at=now)


# --- Answers ----------------------------------------------------------------------------------------------------


@transaction.atomic
def record_answer(
    *,
    patient: Patient,
    document: str,
    version: int,
    criterion: str,
    truth: bool,
    by: User,
    question: str = "",
    reason: str = "",
    override: bool = False,
    valid_days: int | None = ANSWER_DAYS,
) -> AnswerFact:
    """Record a person's answer to a criterion, or to one `ask` of it, of a named version; it replaces an earlier one.

    `valid_days` None never expires. Raises PermissionDenied for an override without the investigator's permission,
    ValidationError for one without a reason.
    """
    if override:
        if not by.has_perm("patients.override_criterion"):  # type: ignore[attr-defined]  # every user model has it
            raise PermissionDenied("overriding a criterion needs the investigator's role")
        _need(reason, "an override")
    registry = patient.registry
    now = timezone.now()
    today = now.astimezone(ZoneInfo(registry.time_zone)).date()
    current = (
        AnswerFact.objects.select_for_update()
        .filter(
            patient=patient,
            document=document,
            version=version,
            criterion=criterion,
            question=question,
            withdrawn_at__isnull=True,
        )
        .first()
    )
    shown = ("document", "version", "criterion", "question", "truth", "reason", "valid_until", "override")
    before = trust.audit.as_json(current, shown) if current is not None else None
    if current is not None:
        current.withdrawn_at, current.withdrawn_by, current.withdrawal_reason = now, by, "answered again"
        current.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawal_reason"])
    answer = AnswerFact(
        patient=patient,
        document=document,
        version=version,
        criterion=criterion,
        question=question,
        truth=truth,
        reason=reason.strip(),
        by=by,
        answered_on=today,
        valid_until=None if valid_days is None else today + timedelta(days=valid_days),
        override=override,
        recorded_at=now,
    )
    answer.clean_fields()
    answer.save()
    trust.record(
        actor=by,
        action="criterion overridden" if override else "criterion answered",
        target=answer,
        registry=registry,
        before=before,
        after={"patient": patient.pk, **trust.audit.as_json(answer, shown)},
        reason=reason,
    )
    changes.patients_changed([patient], registry=registry, cause="answer", at=now)
    return answer


@transaction.atomic
def withdraw_answer(*, answer: AnswerFact, by: User, reason: str) -> None:
    """Take an answer back. An override is taken back by whoever may override."""
    _need(reason, "withdrawing an answer")
    if answer.withdrawn_at is not None:
        raise ValidationError("this answer is withdrawn already")
    if answer.override and not by.has_perm("patients.override_criterion"):  # type: ignore[attr-defined]  # as above
        raise PermissionDenied("withdrawing an override needs the investigator's role")
    now = timezone.now()
    answer.withdrawn_at, answer.withdrawn_by, answer.withdrawal_reason = now, by, reason.strip()
    answer.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawal_reason"])
    trust.record(
        actor=by,
        action="answer withdrawn",
        target=answer,
        registry=answer.patient.registry,
        before=trust.audit.as_json(answer, ("document", "version", "criterion", "question", "truth", "override")),
        reason=reason,
    )
    changes.patients_changed([answer.patient], registry=answer.patient.registry, cause="answer", at=now)


@transaction.atomic
def lift_suspension(*, suspension: CompletenessSuspension, by: User, reason: str) -> None:
    """Count a domain as complete again for a patient, though the rejected row was never sent mended."""
    _need(reason, "lifting a suspension")
    if suspension.lifted_at is not None:
        raise ValidationError("this suspension is lifted already")
    now = timezone.now()
    suspension.lifted_at, suspension.lifted_by, suspension.lift_reason = now, by, reason.strip()
    suspension.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    registry = suspension.patient.registry
    trust.record(
        actor=by,
        action="suspension lifted",
        target=suspension,
        registry=registry,
        before={"patient": suspension.patient_id, "domain": suspension.domain},
        reason=reason,
    )
    changes.patients_changed([suspension.patient], registry=registry, cause="suspension lifted", at=now)


def _need(reason: str, what: str) -> None:
    if not reason.strip():
        raise ValidationError({"reason": f"{what} needs a reason"})


# --- Uploads ----------------------------------------------------------------------------------------------------


def start_import(
    *,
    registry: Registry,
    by: User | None,
    path: Path | None = None,
    file: BinaryIO | File | None = None,
    file_name: str = "",
    mode: str = Upload.Mode.INCREMENTAL,
    dry_run: bool = False,
    encoding: str = "utf-8",
) -> Upload:
    """Take what was sent (a path to a CSV, a zip or a folder of CSVs; or an open file) and leave it to be read.

    Returns the upload in the state *received*: `patients.intake.run_import(upload.pk)` reads it here and now,
    `patients.tasks.send(upload.pk)` has a worker do it. Raises ValidationError for a path that is not there, an
    encoding that is not read, or a file that is too large.
    """
    try:
        codec = encoding_named(encoding)
    except ValueError as problem:
        raise ValidationError({"encoding": str(problem)}) from None
    if path is not None:
        path = Path(path)
        if path.is_dir():
            with _packed(path) as packed:
                return _store_upload(
                    packed, path.resolve().name, registry=registry, by=by, mode=mode, dry_run=dry_run, codec=codec,
                    suffix=".zip",
                )  # fmt: skip
        if not path.is_file():
            raise ValidationError({"path": f"{path} is neither a file nor a folder"})
        with path.open("rb") as opened:
            return _store_upload(
                opened, path.name, registry=registry, by=by, mode=mode, dry_run=dry_run, codec=codec, suffix=path.suffix
            )
    if file is None:
        raise ValidationError({"file": "send a file"})
    name = Path((file_name or getattr(file, "name", "") or "upload.csv").replace("\\", "/")).name
    return _store_upload(
        file, name, registry=registry, by=by, mode=mode, dry_run=dry_run, codec=codec, suffix=Path(name).suffix
    )


@contextmanager
def _packed(folder: Path) -> Iterator[BinaryIO]:
    """The CSV files of a folder as one zip: what a worker on another machine can read."""
    files = sorted(each for each in folder.iterdir() if each.is_file() and each.suffix.casefold() in SUFFIXES)
    if not files:
        raise ValidationError({"path": f"the folder {folder} holds no CSV file"})
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for each in files:
                archive.write(each, each.name)
        packed.seek(0)
        yield packed


def _store_upload(
    content: BinaryIO | File,
    name: str,
    *,
    registry: Registry,
    by: User | None,
    mode: str,
    dry_run: bool,
    codec: str,
    suffix: str,
) -> Upload:
    digest = hashlib.sha256()
    size = 0
    content.seek(0)
    while block := content.read(1 << 20):
        digest.update(block)
        size += len(block)
        if size > MAX_UPLOAD:
            raise ValidationError({"file": f"the file is larger than {MAX_UPLOAD // 1_000_000} MB; send it in parts"})
    content.seek(0)
    upload = Upload(
        registry=registry,
        file_name=name[:255],
        digest=digest.hexdigest(),
        mode=mode,
        dry_run=dry_run,
        encoding=codec,
        by=by,
    )
    upload.clean_fields(exclude=["file"])
    # The name it is kept under says nothing of what it is.
    upload.file.save(f"{uuid.uuid4().hex}{suffix[:8].casefold()}", File(content), save=False)
    with transaction.atomic():
        upload.save()
        trust.record(
            actor=by,
            action="upload received",
            target=upload,
            registry=registry,
            after={"file": upload.file_name, "digest": upload.digest, "mode": str(mode), "dry_run": dry_run},
        )
    return upload


def release_stalled_uploads(*, older_than: timedelta = UPLOAD_IS_STALE, attempts: int = 3) -> list[int]:
    """Give uploads whose worker fell silent back to be read again; those that did so too often end as errored.

    Returns the keys of the uploads that wait to be read, so that they can be sent to a worker again.
    """
    now = timezone.now()
    stalled = Upload.objects.filter(state__in=Upload.UNDER_WAY, heartbeat_at__lt=now - older_than)
    given_back = [
        pk
        for pk, registry_id in list(stalled.values_list("pk", "registry_id"))
        if _give_back(stalled.filter(pk=pk), registry_id, now=now, attempts=attempts)
    ]
    lost = Upload.objects.filter(state=Upload.State.RECEIVED, created_at__lt=now - timedelta(minutes=1))
    return sorted({*given_back, *lost.values_list("pk", flat=True)})


@transaction.atomic
def _give_back(stalled: QuerySet[Upload], registry_id: int, *, now: datetime, attempts: int) -> bool:
    """Release one upload, or end it where it was tried too often; False unless it can be read again."""
    # Who compares and stores is silent, but holds the registry's row for as long; SQLite has one lock for all of it,
    # which this transaction took at its start.
    if not Registry.objects.select_for_update(skip_locked=True).filter(pk=registry_id).exists():
        return False
    # Conditional on the row: a worker that was only slow may have ended it since.
    spent = stalled.filter(attempt__gte=attempts)
    if spent.update(state=Upload.State.ERRORED, finished_at=now, error=f"its worker fell silent {attempts} times"):
        return False
    return bool(stalled.update(state=Upload.State.RECEIVED, recorded_at=None, heartbeat_at=now))


__all__ = [
    "create_registry",
    "lift_suspension",
    "map_name",
    "record_answer",
    "release_stalled_uploads",
    "set_policy",
    "set_range",
    "start_import",
    "withdraw_answer",
    "withdraw_mapping",
    "withdraw_policy",
]
