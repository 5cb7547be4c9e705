"""Every address of the service: the admin, the API under its version, its documentation, and the two probes."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import config.admin  # noqa: F401  registers the pages for logins and groups
from config import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # Asked for by browsers on pages that name no icon of their own.
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("icon.svg")), name="icon"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("patients.api.urls")),
    path("api/v1/", include("trials.api.urls")),
    path("api/v1/", include("matcher.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("healthz", health.live, name="live"),
    path("readyz", health.ready, name="ready"),
]

# A fault within the API is a problem document too.
handler500 = "patients.api.problems.unexpected"
