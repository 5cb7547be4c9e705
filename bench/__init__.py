"""Measurements of the system beside what a user would otherwise pick, on one machine in one run.

Every measurement runs in a process of its own against a database of its own, so that none profits from another and
each has its own peak of memory. `python -m bench` runs them all; docs/benchmark.md says what each figure means.
"""
