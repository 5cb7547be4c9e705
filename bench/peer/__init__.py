"""The observations of a registry as a project would keep them that imports with django-import-export."""
