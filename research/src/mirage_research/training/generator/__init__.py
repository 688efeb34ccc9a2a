"""How the generator that ships was made; `mirage train generator` does it again."""
