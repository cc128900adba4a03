"""`mahnwerk law`: calculators that need no book, and the law they use, value by value.

Exit codes as everywhere: 0 done · 2 what was asked cannot be read · 3 a gap in the law, with the file
to edit.
"""

from __future__ import annotations

import typer

from mahnwerk.cli import law_book, law_dates, law_money

app = typer.Typer(
    help="Calculators and the law behind them; no book needed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

for _command in (
    law_money.interest,
    law_money.collection_costs,
    law_money.court_fee,
    law_money.attachment,
    law_dates.limitation,
    law_dates.default_began,
    law_book.show,
    law_book.gaps,
):
    app.command(_command.__name__.replace("_", "-"))(_command)
