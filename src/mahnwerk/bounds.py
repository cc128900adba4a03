"""How large what is counted may get, so that every product stays exact. Needs no library."""

from typing import Final

PRINCIPAL_CENTS_MAX: Final = 10**13
"""Largest amount of one claim: 100 milliard euro. Bounds every product in Int128."""
RATE_PPM_MAX: Final = 1_000_000
"""Largest yearly rate: 100 per cent."""
