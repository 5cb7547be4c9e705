"""Trials and options: the shelf, the page of a document and its versions, its draft as text, open or closed here.

A draft is kept as it was typed, however wrong, with everything that is wrong shown beside it by line; what is in force
is a frozen version and cannot be edited anywhere.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from patients.admin_site import Link, ReadOnlyAdmin, RecordForm, Sections, by_key, form_page, need, page, refused
from patients.vocabulary import default
from trials import actions
from trials.criteria import documents
from trials.criteria.checks import Severity, check_document
from trials.criteria.documents import DocumentError, Recruitment, TrialDocument
from trials.criteria.documents.located import Places, read_yaml
from trials.models import Document, Draft, Version
from trials.pages import counts_of, criteria_read, definitions_read, figures_read, source_read, statements_read
from trials.selectors import current_version, read_text

#: What a source calls a trial that patients can enter.
_OPEN = [each.value for each in Recruitment if each.open]
#: What floors above add to the page of a document.
DOCUMENT_SECTIONS: Sections[Document] = Sections()


class DraftForm(RecordForm):
    """The text of a document."""

    text = forms.CharField(
        label="Document as YAML",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 36, "spellcheck": "false", "wrap": "off", "class": "code"}),
    )


class OpenForm(RecordForm):
    """Why a trial opens or closes here."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Stands in the audit trail.")


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    """Every trial and option, with the version in force."""

    list_display = ("called", "title", "sort", "recruiting", "here", "lines", "in_force")
    list_display_links = ("called", "title")
    list_filter = ("kind", "open_here", "versions__recruitment")
    search_fields = ("code__istartswith", "nct__istartswith", "acronym__istartswith", "title__icontains")
    search_help_text = "Id, NCT number, acronym or words of the title"
    ordering = ("-kind", "code")
    sortable_by = ()
    list_per_page = 100

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trials.change_draft")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        draft = Draft.objects.filter(document=OuterRef("pk"))
        found = (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("versions", Version.objects.published(), "published_versions"))
        )
        recruiting = Version.objects.published().filter(document=OuterRef("pk"), recruitment__in=_OPEN)
        return found.annotate(
            takes_patients=Exists(recruiting.filter(document__open_here=True)),
            draft_hash=Subquery(draft.values("content_hash")[:1]),
            has_draft=Exists(draft),
        )  # fmt: skip

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        # Trials before options, and those that take patients before the many that are there for comparison.
        return (F("kind").desc(), F("takes_patients").desc(), "code")

    @admin.display(description="Document")
    def called(self, document: Document) -> SafeString:
        """The acronym with the id, which may break after an underscore."""
        parts = format_html_join(mark_safe("_<wbr>"), "{}", ((part,) for part in document.code.split("_")))
        if document.acronym in ("", document.code):
            return parts
        return format_html(
            '{}<br><span class="record"><span class="soft small">{}</span></span>', document.acronym, parts
        )

    @admin.display(description="Recruitment")
    def recruiting(self, document: Any) -> SafeString | str:
        """As the source gives it."""
        version = _published(document)
        said = version.recruitment if version is not None else ""
        if not said:
            return "–"
        tone = "met" if Recruitment(said).open else "quiet"
        return format_html('<span class="record"><span class="tag toned tone-{}">{}</span></span>', tone, said)

    @admin.display(description="Open here")
    def here(self, document: Any) -> str:
        """Whether this site takes patients."""
        if document.kind != Document.Kind.TRIAL:
            return "–"
        if not document.open_here:
            return "no"
        # Whether it is open here says something of a trial that recruits.
        return "yes" if document.takes_patients else "–"

    @admin.display(description="Kind")
    def sort(self, document: Document) -> str:
        """A trial or an option."""
        return "trial" if document.kind == Document.Kind.TRIAL else "option"

    @admin.display(description="With a rule")
    def lines(self, document: Any) -> str:
        """How many of the criteria or statements have a rule."""
        version = _published(document)
        if version is None:
            return "–"
        parsed = version.parsed
        lines = parsed.criteria if isinstance(parsed, TrialDocument) else parsed.statements
        return f"{sum(line.rule is not None for line in lines)} of {len(lines)}"

    @admin.display(description="Version")
    def in_force(self, document: Any) -> str:
        """The published version, and whether the draft says something else."""
        version = _published(document)
        number = str(version.number) if version is not None else "not published"
        if not document.has_draft or (version is not None and document.draft_hash == version.content_hash):
            return number
        return f"{number}; draft {'waits for review' if document.draft_hash else 'cannot be read yet'}"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/draft/", wrap(self.draft), name="trials_document_draft"),
            path("<int:pk>/open/", wrap(self.open_or_close), name="trials_document_open"),
            *super().get_urls(),
        ]

    # --- Pages

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A document as its version in force says it, or as an earlier one did."""
        need(request, "trials.view_document")
        document = by_key(Document, object_id)
        versions = list(document.versions.defer("content").select_related("author", "reviewer"))
        version = _version(document, request.GET.get("version", ""))
        parsed = version.parsed if version is not None else _readable(document)
        sections = DOCUMENT_SECTIONS.of(request, document)
        return page(
            request,
            "trials/document.html",
            title=document.acronym or document.code,
            crumbs=[_list()],
            document=document,
            version=version,
            versions=versions,
            is_trial=document.kind == Document.Kind.TRIAL,
            draft=Draft.objects.filter(document=document).first(),
            sections=sections,
            links=[link for section in sections for link in section.links],
            may_write=request.user.has_perm("trials.change_draft"),
            may_open=document.kind == Document.Kind.TRIAL and request.user.has_perm("trials.change_document"),
            parsed=parsed,
            **(_content(parsed) if parsed is not None else {}),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new document, from its text."""
        need(request, "trials.change_draft")
        form = DraftForm(request.POST or None)
        findings: list[object] = []
        if request.method == "POST" and form.is_valid():
            try:
                saved = actions.save_draft(text=form.cleaned_data["text"], by=request.user)
            except DocumentError as error:
                findings = list(error.problems)
            except ValidationError as problem:
                refused(form, problem)
            else:
                messages.success(request, f"The draft of {saved.draft.document} is kept.")
                return HttpResponseRedirect(reverse("admin:trials_document_draft", args=[saved.draft.document_id]))
        return page(
            request, "trials/draft.html", title="New document", crumbs=[_list()], form=form, findings=findings,
            readable=not findings, document=None, status=400 if findings or form.errors else 200,
        )  # fmt: skip

    def draft(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The draft of a document as text, with everything that is wrong with it."""
        need(request, "trials.change_draft")
        document = get_object_or_404(Document, pk=pk)
        draft = Draft.objects.filter(document=document).first()
        form = DraftForm(request.POST or None, initial={"text": draft.text if draft is not None else ""})
        text = draft.text if draft is not None else ""
        status = 200
        if request.method == "POST":
            status = 400
            if form.is_valid():
                # A browser sends lines that end with CR LF.
                text = form.cleaned_data["text"].replace("\r\n", "\n")
                try:
                    saved = actions.save_draft(text=text, by=request.user, document=document)
                except ValidationError as problem:
                    refused(form, problem)
                else:
                    draft, status = saved.draft, 200
                    messages.success(request, "The draft is kept.")
        findings, readable = draft_findings(text)
        return page(
            request,
            "trials/draft.html",
            title="Draft",
            crumbs=[_list(), Link(str(document), reverse("admin:trials_document_change", args=[pk]))],
            document=document,
            draft=draft,
            form=form,
            findings=findings,
            readable=readable,
            status=status,
        )

    def open_or_close(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Whether this site takes patients into a trial."""
        need(request, "trials.change_document")
        document = get_object_or_404(Document, pk=pk, kind=Document.Kind.TRIAL)
        own = reverse("admin:trials_document_change", args=[pk])
        opens = not document.open_here

        def done(form: RecordForm) -> str:
            actions.set_open_here(
                document=document, open_here=opens, by=request.user, reason=form.cleaned_data["reason"]
            )
            return own

        word = "Open" if opens else "Close"
        return form_page(
            request, OpenForm(request.POST or None), title=f"{word} here", done=done, submit=f"{word} here",
            crumbs=[_list(), Link(str(document), own)],
            intro=f"{document} is {'closed' if opens else 'open'} at this site. A trial that is not open here is still "
                  "evaluated, and marked as not offered.",
        )  # fmt: skip


def draft_findings(text: str) -> tuple[list[object], bool]:
    """What is wrong with a text, and whether it can be read at all. The evaluation of publishing is not in it."""
    if not text.strip():
        return [], False
    try:
        parsed = read_text(text)
    except DocumentError as error:
        return list(error.problems), False
    found = check_document(parsed, default())
    if found:
        places = Places()
        read_yaml(text, places)
        found = check_document(parsed, default(), places=places)
    return sorted(found, key=lambda each: (each.severity is not Severity.ERROR, each.line)), True


def _list() -> Link:
    return Link("Trials and options", reverse("admin:trials_document_changelist"))


def _published(document: Any) -> Version | None:
    """The version in force, of a row of the list."""
    found = document.published_versions
    return found[0] if found else None


def _version(document: Document, number: str) -> Version | None:
    """The version of a number, or the one in force. Raises Http404."""
    if not number:
        found = current_version(document)
    else:
        found = document.versions.filter(number=number).first() if number.isdigit() else None
        if found is None:
            raise Http404("there is no such version")
    if found is not None:
        found.document = document
    return found


def _readable(document: Document) -> documents.Document | None:
    """What the draft says, where nothing is published yet."""
    draft = Draft.objects.filter(document=document).first()
    try:
        return read_text(draft.text) if draft is not None else None
    except DocumentError:
        return None


def _content(parsed: documents.Document) -> dict[str, Any]:
    words = default()
    shared = {
        "cancer": " or ".join(parsed.cancer.names),
        "definitions": definitions_read(parsed, words),
        "windows": [(name, str(span)) for name, span in parsed.windows.items()],
        "tests": [
            (test.name, str(test.expect.get("status") or test.expect.get("block") or ""))
            for test in parsed.test_patients
        ],
    }
    if isinstance(parsed, TrialDocument):
        return shared | {
            "criteria": criteria_read(parsed, words),
            "counts": counts_of(parsed),
            "source": source_read(parsed),
            "results": [(each, figures_read(each.figures)) for each in parsed.results],
        }
    return shared | {"statements": statements_read(parsed, words)}
