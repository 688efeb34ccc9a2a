"""Reviews by educators: pooled blind, rated, measured, exchanged as files."""
