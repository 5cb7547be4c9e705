"""The audit trail to look at: who did what to which row, with what before and after. Nothing here can change it."""

from __future__ import annotations

import json

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from patients.admin_site import EndlessPaginator, ReadOnlyAdmin
from patients.models import AuditEvent
from patients.wording import instant_text


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Events, the latest first."""

    list_display = ("number", "when", "who", "action", "what", "registry", "reason")
    list_filter = ("registry", "at")
    list_select_related = ("registry",)
    ordering = ("-number",)
    sortable_by = ()
    paginator = EndlessPaginator
    fields = (
        "number", "at", "actor_name", "action", "what", "registry", "reason", "was", "became", "previous", "digest",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="When")
    def when(self, event: AuditEvent) -> str:
        """The moment, as every page writes one."""
        return instant_text(timezone.localtime(event.at))

    @admin.display(description="Who")
    def who(self, event: AuditEvent) -> str:
        """The login, or the system."""
        return event.actor_name

    @admin.display(description="Done to")
    def what(self, event: AuditEvent) -> str:
        """The row it was done to, by its kind and key."""
        label = event.object_type
        try:
            name = str(apps.get_model(label)._meta.verbose_name) if label else ""
        except LookupError:  # a kind of row that a later version no longer has
            name = label.rpartition(".")[2]
        return f"{name} {event.object_id}".strip()

    @admin.display(description="Before")
    def was(self, event: AuditEvent) -> SafeString:
        """What held before."""
        return _shown(event.before)

    @admin.display(description="After")
    def became(self, event: AuditEvent) -> SafeString:
        """What holds since."""
        return _shown(event.after)

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return request.user.has_perm("patients.view_auditevent")


def _shown(value: object) -> SafeString:
    if value is None:
        return format_html("{}", "–")
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<div class="record"><pre>{}</pre></div>', text)
