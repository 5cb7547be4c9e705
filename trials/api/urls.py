"""The addresses of the API for trials, options and their versions, below /api/v1/."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from trials.api import views

router = SimpleRouter()
router.register("trials", views.Trials, basename="trial")
router.register("options", views.Options, basename="option")
router.register("rules", views.Rules, basename="rule")

urlpatterns: list[URLPattern | URLResolver] = router.urls
