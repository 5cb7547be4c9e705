"""Headers that tell a browser what a page of this service may do: load from here, and nothing from elsewhere.

The admin's theme evaluates the expressions in its own markup (Alpine) and styles elements in place, which is why
the policy allows `unsafe-eval` and inline styles; inline scripts stay forbidden, so a text that someone typed into
a criterion or that a registry sent cannot become a program.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
# Nothing here needs the camera, the microphone or the place.
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class ResponseHeadersMiddleware:
    """Adds the two policies to every response, and forbids caches to keep a page of a signed-in person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        # Static files come from further in and carry a caching header of their own.
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response
