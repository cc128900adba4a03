"""Law as data: dated values with their source, and the loader that refuses anything less."""
