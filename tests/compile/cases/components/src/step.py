"""Never run: the cases are only compiled."""
