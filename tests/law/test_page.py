"""docs/law.md is the readable edition of the law files, and current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mahnwerk.law import load_laws, page

DOCS = Path(__file__).parents[2] / "docs" / "law.md"


def test_the_page_is_current() -> None:
    current = DOCS.read_text(encoding="utf-8") == page.render(load_laws())
    assert current, "docs/law.md is out of date: run python -m mahnwerk.law.page"


def test_every_parameter_is_on_it_once_and_every_link_leads_somewhere() -> None:
    text = page.render(load_laws())
    for law in load_laws().values():
        for name in law:
            assert f"`{name}` ·" in text
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert len(anchors) == len(set(anchors)) == sum(len(law) for law in load_laws().values())
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)
    for file in re.findall(r"\]\(\.\./(src/[^)]+)\)", text):
        assert (DOCS.parents[1] / file).is_file(), file


def test_it_lists_what_ends_and_what_is_unverified() -> None:
    text = page.render(load_laws())
    assert "| [`de` interest.base_rate](#de-interest-base-rate) | 2026-12-31 |" in text
    doubtful = text.split("confidence C)")[1].split("## Germany")[0]
    assert "costs.vat_rate" in doubtful
    assert "costs.rvg_fee_steps" not in doubtful


def test_check_says_when_the_page_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert page.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert page.main([]) == 0
    assert page.main(["--check"]) == 0
