"""Which address leads where."""

from __future__ import annotations

from django.urls import path

from mahnwerk.api import hooks, pay

urlpatterns = [
    path("hooks/<slug:provider>/<str:account>", hooks.webhook),
    path("pay/<str:link>", pay.pay),
    path("pay/<str:link>/<slug:key>", pay.returned),
]
handler404 = pay.not_found
handler500 = pay.broken
