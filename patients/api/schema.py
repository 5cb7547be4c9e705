"""What the OpenAPI document says about every address alike: its scopes, and the problems it can answer with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

from patients.api.access import Scoped, in_words
from patients.api.problems import KINDS, MEDIA_TYPE, ProblemSerializer


class ScopedSchema(AutoSchema):
    """Adds the scopes of a view to its description and the problem documents to its responses."""

    def get_description(self) -> str:
        text = super().get_description() or ""
        scopes = self.view.scopes_needed() if isinstance(self.view, Scoped) else ()
        needs = f"Needs the scope {in_words(scopes, mark='`')}." if scopes else ""
        return "\n\n".join(part for part in (text, needs) if part)

    def _get_response_bodies(self, direction: str = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        statuses = ["429"]
        if self.get_auth():
            statuses += ["401", "403"]
        if "{" in self.path or self.method == "POST" or "registry" in self._asked_in_query():
            statuses.append("404")
        if self.method == "POST" or self.get_filter_backends() or self._asked_in_query():
            statuses.append("400")
        if self.method == "POST":
            statuses += ["413", "415"]
        of_status = {str(kind.status): kind for kind in reversed(KINDS.values())}
        for status in sorted(statuses):
            if status not in responses:
                reference = self._get_response_for_code(ProblemSerializer, status, media_types=[MEDIA_TYPE])
                reference["description"] = of_status[status].title
                responses[status] = reference
        return responses

    def _asked_in_query(self) -> set[str]:
        return {parameter["name"] for parameter in self._get_parameters() if parameter["in"] == "query"}
