"""The answers: criteria evaluated over facts, and what people decide on seeing them.

Django finds the app here; its verbose name heads the app's part of the admin.
"""

from django.apps import AppConfig


class MatcherConfig(AppConfig):
    name = "matcher"
    verbose_name = "Matching"
