"""Values against limits: measurements, doses, ages and times."""
