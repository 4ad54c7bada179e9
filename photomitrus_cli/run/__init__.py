"""What every stage shares: configuration, errors, parallel work, provenance, resume."""
