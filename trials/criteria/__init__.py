"""The criteria language: read, check, print and explain a rule. Pure Python, nothing of the framework."""
