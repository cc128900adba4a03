"""The one Django app."""

from django.apps import AppConfig


class Records(AppConfig):
    name = "mahnwerk.records"
    label = "records"
    default = True

    def ready(self) -> None:
        from mahnwerk.records import tenancy  # noqa: F401 – connects its signal
