"""What is kept: the one Django app with models. Loads rows as frames, saves plans as rows."""
