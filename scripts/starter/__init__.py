"""How the starter atlas is made: medical pictures that Python packages carry and may be shared."""
