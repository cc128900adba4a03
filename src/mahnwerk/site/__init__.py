"""Settings and entry points; nothing else."""
