"""The shell's face: the mahnwerk command."""
