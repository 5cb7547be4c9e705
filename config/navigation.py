"""The admin's side bar: four groups in the order of the work, made from what is registered in the admin.

A model that an app registers appears without a line here, and only for a person who may see it.
"""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

# The groups, each with the symbol of its entries.
GROUPS = {
    "Patients": "personal_injury",
    "Trials and options": "clinical_notes",
    "Matching": "rule",
    "Trust": "verified_user",
}
_GROUP_OF_APP = {"patients": "Patients", "trials": "Trials and options", "matcher": "Matching"}


def group_of(model: type[Model]) -> str:
    """Return the group a model stands in: the audit trail, roles, keys and logins are Trust, wherever they live."""
    if model.__module__.startswith("patients.trust"):
        return "Trust"
    return _GROUP_OF_APP.get(model._meta.app_label, "Trust")


def sidebar(request: HttpRequest) -> list[dict[str, object]]:
    """Return Unfold's navigation for the person asking: groups with at least one entry, entries by name."""
    entries: dict[str, list[dict[str, object]]] = {group: [] for group in GROUPS}
    for app in admin.site.get_app_list(request):
        for model in app["models"]:
            if model["admin_url"]:
                group = group_of(model["model"])
                entries[group].append({"title": model["name"], "icon": GROUPS[group], "link": model["admin_url"]})
    return [
        {"title": group, "separator": True, "collapsible": False, "items": items}
        for group, items in entries.items()
        if items
    ]
