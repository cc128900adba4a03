"""Mahnwerk gets people's invoices paid, lawfully and humanely."""

__version__ = "0.1.0"
