"""What the pages log: to standard error, without addresses that give access to somebody's debt."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

_LINK: Final = re.compile(r"(/(?:pay|hooks)/)[^\s?\"']+")


class WithoutLinks(logging.Filter):
    """Shortens the address of a pay link or a webhook to its kind: who knows the rest may use it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message; every record passes."""
        record.msg, record.args = _LINK.sub(r"\1…", record.getMessage()), ()
        return True


LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_links": {"()": WithoutLinks}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "filters": ["without_links"], "formatter": "line"}
    },
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "mahnwerk": {"handlers": ["stderr"], "level": "WARNING"},
    },
}
