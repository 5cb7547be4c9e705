"""Matching measured at the size of a registry: made-up patients as columns, made-up trials, and the peers beside."""
