"""Quick-look figures and the report page."""
