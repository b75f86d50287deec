"""How fast is ratiogan, beside what it replaces: ``python -m benchmarks`` (see README.md here)."""
