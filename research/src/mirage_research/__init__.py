"""How MIRAGE is measured, and how its starter models are made."""
