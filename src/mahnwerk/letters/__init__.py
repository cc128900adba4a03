"""Frames to letters: PDF, e-mail text and HTML, and the check each must pass."""
