"""The list of commands in the documents is the list of commands."""

from __future__ import annotations

from pathlib import Path

from mahnwerk.cli import page
from mahnwerk.cli.main import COMMANDS

PAGE = Path(__file__).parents[2] / "docs/reference/commands.md"


def test_the_page_is_current() -> None:
    current = PAGE.read_text("utf-8") == page.render()
    assert current, "run: python -m mahnwerk.cli.page > docs/reference/commands.md"


def test_every_command_and_every_command_of_a_group_is_on_it() -> None:
    words = [words for words, _ in page.commands()]
    assert {each.split()[0] for each in words} == set(COMMANDS)
    assert {"run", "fact add", "law interest", "payout", "payout list"} <= set(words)
    assert "fact" not in words


def test_every_command_has_an_example_and_speaks_json() -> None:
    for words, command in page.commands():
        assert f"mahnwerk {words}" in command.help, f"{words}: --help shows no example"
        assert "--json" in {option for one in command.params for option in one.opts}, words
