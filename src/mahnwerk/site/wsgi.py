"""The web server's entry point: `gunicorn mahnwerk.site.wsgi`.

It serves the book of the environment (see settings.py), and refuses to start on a database that may forget
what it has committed.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mahnwerk.site.settings")
application = get_wsgi_application()

from mahnwerk.records.start_check import check_durability  # noqa: E402 - needs the settings

check_durability()
