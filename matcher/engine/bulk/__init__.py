"""The bulk evaluator: many patients as columns, each distinct leaf once, answers as bit planes.

The same answers as the reference evaluator's (truth, reason, change, status), for a registry at a time.
"""
