"""Who did what, and may they: the append-only audit trail that every action of the system writes into."""

from patients.trust.audit import Event, TrailProblem, record, record_all, verify, viewed

__all__ = ["Event", "TrailProblem", "record", "record_all", "verify", "viewed"]
