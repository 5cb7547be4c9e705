"""The panels of the first page, for its template: the admin's own view of that page passes nothing of ours."""

from __future__ import annotations

from typing import Any

from django import template

from matcher import dashboard as panels

register = template.Library()


@register.simple_tag(takes_context=True)
def dashboard(context: dict[str, Any]) -> dict[str, Any]:
    """The panels the person asking may see."""
    return panels.dashboard(context["request"])
