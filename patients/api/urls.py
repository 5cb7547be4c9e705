"""The addresses of the API for registries, patients and imports, below /api/v1/."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from patients.api import views
from patients.api.problem_views import ProblemKind, ProblemKinds

router = SimpleRouter()
router.register("registries", views.Registries, basename="registry")
router.register("patients", views.Patients, basename="patient")
router.register("imports", views.Imports, basename="import")

urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    path("problems/", ProblemKinds.as_view(), name="problem-kinds"),
    path("problems/<slug:code>/", ProblemKind.as_view(), name="problem-kind"),
]
