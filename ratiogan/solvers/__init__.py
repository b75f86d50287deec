"""The algorithms: each hands a block of steps and a stopping rule to the one loop."""
