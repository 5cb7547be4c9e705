"""The addresses of the API for runs, matches and explanations, below /api/v1/."""

from django.urls import URLPattern, URLResolver, path, re_path
from rest_framework.routers import SimpleRouter

from matcher.api import views
from patients.api.problem_views import Nowhere

router = SimpleRouter()
router.register("runs", views.Runs, basename="run")
router.register("matches", views.Matches, basename="match")
router.register("status-changes", views.StatusChanges, basename="status-change")

urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    path(
        "patients/<int:pk>/explanation/",
        views.Explanations.as_view({"get": "retrieve"}),
        name="patient-explanation",
    ),
    path("rules/evaluate/", views.EvaluateRule.as_view({"post": "create"}), name="rule-evaluate"),
    # The last of the API's addresses, since this floor is included last.
    re_path(r"", Nowhere.as_view(), name="nowhere"),
]
