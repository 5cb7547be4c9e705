"""Faults on purpose: what kills of workers, of Redis and of PostgreSQL leave is compared with an undisturbed registry.

`python -m bench.faults` runs it; docs/operating.md says what it shows.
"""
