"""Values against limits, by the thousand."""
