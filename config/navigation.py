"""The admin's side bar: four groups in the order of the work, made from what is registered in the admin.

A model that an app registers appears without a line here, and only for a person who may see it.
"""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

# The groups, each with the symbol of entries that have none of their own.
GROUPS = {
    "Patients": "personal_injury",
    "Trials and options": "clinical_notes",
    "Matching": "rule",
    "Trust": "verified_user",
}
# What is Trust wherever it lives.
_TRUST = {"patients.auditevent"}
# The entries in the order of the work, with a symbol and, where the model's own name says too little, a name.
ENTRIES = {
    "patients.patient": ("personal_injury", ""),
    "patients.registry": ("local_hospital", ""),
    "patients.upload": ("upload_file", ""),
    "trials.document": ("clinical_notes", "All documents"),
    "matcher.match": ("rule", ""),
    "matcher.matchrun": ("play_circle", ""),
    "patients.auditevent": ("history", "Audit trail"),
    "auth.user": ("person", ""),
    "auth.group": ("group", ""),
}
_GROUP_OF_APP = {"patients": "Patients", "trials": "Trials and options", "matcher": "Matching"}


def group_of(model: type[Model]) -> str:
    """Return the group a model stands in: the audit trail, roles, keys and logins are Trust, wherever they live."""
    if model._meta.label_lower in _TRUST:
        return "Trust"
    return _GROUP_OF_APP.get(model._meta.app_label, "Trust")


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """Return Unfold's navigation for the person asking: groups with at least one entry, those named above first."""
    entries: dict[str, list[tuple[int, dict[str, object]]]] = {group: [] for group in GROUPS}
    order = list(ENTRIES)
    for app in admin.site.get_app_list(request):
        for model in app["models"]:
            if model["admin_url"]:
                group, label = group_of(model["model"]), model["model"]._meta.label_lower
                icon, name = ENTRIES.get(label, (GROUPS[group], ""))
                place = order.index(label) if label in ENTRIES else len(order)
                entries[group].append(
                    (place, {"title": name or model["name"], "icon": icon, "link": model["admin_url"]})
                )
    return [
        {
            "title": group,
            "separator": True,
            "collapsible": False,
            "items": [item for _, item in sorted(items, key=lambda each: each[0])],
        }
        for group, items in entries.items()
        if items
    ]
