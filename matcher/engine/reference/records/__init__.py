"""Records against patterns: diseases, treatments, lines, findings, and when silence is a statement."""
