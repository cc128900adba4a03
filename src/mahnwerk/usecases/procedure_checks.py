"""May this procedure be used? Held against the law as it is known."""

from __future__ import annotations
