"""Who is asked about: registries, patients, their dated facts, and the trail of who touched them.

Django finds the app here; its verbose name heads the app's part of the admin.
"""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = "Patients"
