"""Two samples in, evidence out: cells, divergences with their noise, regions and modes."""
