"""Law as dated data: each figure with its statute, its source and the days on which it holds."""

from mahnwerk.law.book import JURISDICTIONS, Law, Laws, load_laws, read_law
from mahnwerk.law.parameters import UNVERIFIED, LawError, LawGap, NoSuchRule, Parameter, Source, Value

__all__ = [
    "JURISDICTIONS",
    "UNVERIFIED",
    "Law",
    "LawError",
    "LawGap",
    "Laws",
    "NoSuchRule",
    "Parameter",
    "Source",
    "Value",
    "load_laws",
    "read_law",
]
