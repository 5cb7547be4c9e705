"""Whole documents: trials assessed, what is missing, options ranked."""
