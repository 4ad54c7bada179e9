"""Arrays in, arrays out: what the imaging instruments share."""
