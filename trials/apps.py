"""What is asked: trials and treatment options, their criteria, and the frozen versions of both.

Django finds the app here; its verbose name heads the app's part of the admin.
"""

from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "trials"
    verbose_name = "Trials and options"
