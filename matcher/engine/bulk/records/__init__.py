"""Records against patterns, by the thousand."""
