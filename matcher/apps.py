"""The answers: criteria evaluated over facts, and what people decide on seeing them.

Django finds the app here; its verbose name heads the app's part of the admin.
"""

from django.apps import AppConfig


class MatcherConfig(AppConfig):
    name = "matcher"
    verbose_name = "Matching"

    def ready(self) -> None:
        """Hear of changes below at once; what is not heard is found in the log."""
        from matcher.runs.queue import follow_soon
        from patients import changes

        changes.listen(follow_soon)
