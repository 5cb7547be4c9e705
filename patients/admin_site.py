"""The one place where the admin's look is chosen: every page of the three apps is made from what stands here.

The theme (Unfold) can be changed or upgraded here alone. It lives on the lowest floor because all three apps register
pages, and imports go down only; a floor above adds its part to a page of a floor below through `Sections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.paginator import InfinitePaginator
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

Shown = TypeVar("Shown", bound=Model)


class RecordAdmin(ModelAdmin):
    """A page over records that may number a million: no full counts, no exports of what was not asked for.

    Search, filters and selects of a subclass must use an index: prefix search (`field__startswith`), choices or
    foreign keys as filters, `autocomplete_fields` for foreign keys, `list_select_related` for what a list shows.
    """

    # Counting a million rows takes longer than showing fifty of them, and nobody reads the number.
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    show_facets = 0
    # A filter is applied when a person says so, not at each tick.
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True
    list_fullwidth = True

    class Media:
        css = {"all": ["patients/record.css"]}


class RecordTable(TabularInline):
    """Rows of a record shown as a table within its page."""

    extra = 0
    show_change_link = True


class RecordCards(StackedInline):
    """Rows of a record shown one below the other within its page."""

    extra = 0
    show_change_link = True


class ReadOnlyAdmin(RecordAdmin):
    """Records that are written by actions alone: they can be looked at, by whoever may view them."""

    actions = None
    list_disable_select_all = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


#: Pages of a list that is never counted. The theme's header asks for it by this name.
EndlessPaginator = InfinitePaginator


@dataclass(frozen=True, slots=True)
class Link:
    """A way from one page to another."""

    text: str
    url: str
    icon: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page that a floor above adds: its links stand at the top, its body below what the page shows."""

    body: str = ""
    links: Sequence[Link] = ()


class Sections(Generic[Shown]):
    """What floors above add to the page of a record of this floor, in the order in which they asked."""

    def __init__(self) -> None:
        self._makers: list[Callable[[HttpRequest, Shown], Section | None]] = []

    def add(self, maker: Callable[[HttpRequest, Shown], Section | None]) -> Callable[..., Section | None]:
        """Add a part; as a decorator. The maker gives None to a person who may not see it."""
        self._makers.append(maker)
        return maker

    def of(self, request: HttpRequest, shown: Shown) -> list[Section]:
        """The parts for a person and a record."""
        made = (maker(request, shown) for maker in self._makers)
        return [section for section in made if section is not None]


def page(
    request: HttpRequest, template: str, *, title: str, crumbs: Iterable[Link] = (), status: int = 200, **context: Any
) -> TemplateResponse:
    """A page of our own within the admin. `title` stands in the header, `crumbs` lead back from it."""
    request.current_app = admin.site.name  # type: ignore[attr-defined]  # what the admin's own views do
    return TemplateResponse(
        request,
        template,
        {**admin.site.each_context(request), "content_title": title, "title": title, "crumbs": list(crumbs)} | context,
        status=status,
    )


def by_key(rows: QuerySet[Shown] | type[Shown], key: str) -> Shown:
    """The record that an address names. Raises Http404 where its key is no number of this database, or of nothing."""
    if not (key.isascii() and key.isdigit()) or len(key) > 18:
        raise Http404("there is no such record")
    return get_object_or_404(rows, pk=int(key))


def need(request: HttpRequest, *permissions: str) -> None:
    """Refuse a person who lacks one of the permissions. Raises PermissionDenied."""
    if not all(request.user.has_perm(permission) for permission in permissions):
        raise PermissionDenied


_WIDGETS: Mapping[type[forms.Field], Callable[..., forms.Widget]] = {
    forms.FileField: UnfoldAdminFileFieldWidget,
    forms.BooleanField: UnfoldBooleanWidget,
    forms.IntegerField: UnfoldAdminIntegerFieldWidget,
    forms.FloatField: UnfoldAdminIntegerFieldWidget,
}


class RecordForm(forms.Form):
    """A form in the theme's look. It asks; what it says is done by an action."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            attributes = dict(field.widget.attrs)
            if isinstance(field, forms.ChoiceField | forms.ModelChoiceField):
                choices = field.choices
                field.widget = UnfoldAdminSelectWidget(attrs=attributes)
                field.choices = choices
            elif isinstance(field.widget, forms.Textarea):
                field.widget = UnfoldAdminTextareaWidget(attrs=attributes)
            elif isinstance(field, forms.DateField):
                # The browser's own calendar: it needs no script and is reached by keyboard.
                field.widget = UnfoldAdminTextInputWidget(attrs=attributes | {"type": "date"})
                field.widget.input_type = "date"
            elif type(field) in _WIDGETS:
                field.widget = _WIDGETS[type(field)](attrs=attributes)
                if isinstance(field, forms.FloatField):
                    field.widget.attrs["step"] = "any"
            elif isinstance(field, forms.CharField) and not field.widget.is_hidden:
                field.widget = UnfoldAdminTextInputWidget(attrs=attributes)
            field.widget.is_required = field.required


def form_page(
    request: HttpRequest,
    form: RecordForm,
    *,
    title: str,
    done: Callable[[RecordForm], HttpResponse | str],
    crumbs: Iterable[Link] = (),
    submit: str = "Save",
    template: str = "patients/form.html",
    **context: Any,
) -> HttpResponse:
    """A page that asks by one form. `done` acts on what was said and tells where to go; its ValidationError is shown.

    The form must be bound for a POST, and `done` is called only where it is valid.
    """
    if request.method == "POST" and form.is_valid():
        try:
            answer = done(form)
        except ValidationError as problem:
            refused(form, problem)
        else:
            return HttpResponseRedirect(answer) if isinstance(answer, str) else answer
    status = 400 if form.is_bound and form.errors else 200
    return page(request, template, title=title, crumbs=crumbs, status=status, form=form, submit_text=submit, **context)


def refused(form: forms.Form, problem: ValidationError) -> None:
    """Show what an action refused beside the field it is about, or above the form."""
    if not hasattr(problem, "error_dict"):
        form.add_error(None, problem)
        return
    for name, errors in problem.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def said(request: HttpRequest, problem: ValidationError) -> None:
    """Show what an action refused as messages of the next page."""
    for text in problem.messages:
        messages.error(request, text[:1].upper() + text[1:])
