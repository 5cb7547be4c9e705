"""Publishing a draft: what speaks against it is shown, and a reviewer who wrote none of it freezes the version.

The page of a document belongs to the floor below, which does not know what publishing asks; this is what it adds there.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse

from matcher.publishing import PublishError, examine, publish
from patients.admin_site import Link, Section, need, page
from trials.actions import same_person
from trials.admin import DOCUMENT_SECTIONS
from trials.criteria.documents import DocumentError
from trials.models import Document, Draft
from trials.selectors import current_version, read_text


def publish_view(request: HttpRequest, pk: int) -> HttpResponse:
    """What speaks against the draft of a document; a POST publishes it."""
    need(request, "trials.add_version")
    document = get_object_or_404(Document, pk=pk)
    draft = get_object_or_404(Draft, document=document)
    own = reverse("admin:trials_document_change", args=[pk])
    version = current_version(document)
    findings: list[object] = []
    readable = True
    if request.method == "POST":
        try:
            publication = publish(document=document, reviewer=request.user, by=request.user)
        except PublishError as error:
            findings = list(error.findings)
        except ValidationError as problem:
            messages.error(request, "; ".join(problem.messages))
        else:
            said = "is in force" if publication.is_new else "is what the draft says: nothing was frozen"
            messages.success(request, f"Version {publication.version.number} of {document} {said}.")
            return HttpResponseRedirect(own)
    else:
        try:
            findings = list(examine(read_text(draft.text), text=draft.text))
        except DocumentError as error:
            findings, readable = list(error.problems), False
    wrote = same_person(request.user.get_username(), [draft.author_name, *draft.editors])
    return page(
        request,
        "matcher/publish.html",
        title="Publish",
        crumbs=[Link("Trials and options", reverse("admin:trials_document_changelist")), Link(str(document), own)],
        document=document,
        draft=draft,
        version=version,
        findings=findings,
        readable=readable,
        errors=sum(str(getattr(each, "severity", "error")) == "error" for each in findings),
        wrote=wrote,
        unchanged=version is not None and version.content_hash == draft.content_hash,
    )


@DOCUMENT_SECTIONS.add
def draft_of(request: HttpRequest, document: Document) -> Section | None:
    """Whether a draft waits for its reviewer."""
    draft = Draft.objects.filter(document=document).first()
    if draft is None:
        return None
    version = current_version(document)
    if version is not None and version.content_hash == draft.content_hash:
        return None
    may_publish = request.user.has_perm("trials.add_version")
    url = reverse("admin:matcher_publish", args=[document.pk])
    body = render_to_string(
        "matcher/draft_waits.html",
        {"draft": draft, "version": version, "may_publish": may_publish, "url": url, "document": document},
        request,
    )
    return Section(body=body, links=[Link("Review and publish", url, "task_alt", primary=True)] if may_publish else [])
