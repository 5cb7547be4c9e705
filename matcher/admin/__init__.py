"""The admin's pages over answers: runs, one patient against one trial, one patient against the shelf, publishing.

Pages ask `matcher.answers` and `matcher.selectors`, and say what they got through `matcher.pages`. What this floor adds
to the pages of patients, registries and documents is registered here, for those floors know nothing of it.
"""

from django.contrib import admin

from matcher.admin import publishing, sections
from matcher.admin.matches import MatchAdmin
from matcher.admin.runs import MatchRunAdmin

admin.site.index_template = "matcher/dashboard.html"

__all__ = ["MatchAdmin", "MatchRunAdmin", "publishing", "sections"]
