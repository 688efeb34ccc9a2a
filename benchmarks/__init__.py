"""Speed, memory and size of MIRAGE, measured. ``python -m benchmarks`` runs them all; see docs/benchmarks.md."""
