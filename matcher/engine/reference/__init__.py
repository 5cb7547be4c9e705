"""The reference evaluator: one patient, one document, one date, in plain Python beside SEMANTICS."""
