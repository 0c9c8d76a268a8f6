"""Pages under docs/ do what they say: their Python runs, their links and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    from typer.main import get_command

    from polystance.cli import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, rest in re.findall(r"^polystance (\w+)(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        options = {option for p in commands[name].params for option in (*p.opts, *p.secondary_opts)}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest)) <= options, name


def test_the_worked_example_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seeds").symlink_to(root / "seeds")
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "comparing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "comparing.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "uncorrected" in shown
    assert "labels_zh" in shown
    corrected = names["corrected"]
    assert (corrected.corrected["correction"] == "corrected").any()  # type: ignore[attr-defined]
    assert (names["raw"].matched["events"] >= 5).all()  # type: ignore[attr-defined]
    html = (tmp_path / "corrected.html").read_text(encoding="utf-8")
    assert "partly corrected" in html or 'class="badge done">corrected' in html


def test_the_quick_start_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (root / "docs" / "quickstart.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "quickstart.md", "exec"), {})
    assert "tone:" in capsys.readouterr().out


def test_every_block_of_python_is_run() -> None:
    """A page that gets its first block gets its test here."""
    with_blocks = {page.name for page in PAGES if "```python" in page.read_text(encoding="utf-8")}
    assert with_blocks == {"comparing.md", "evaluation.md", "quickstart.md"}


def test_the_page_on_evaluation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (page,) = (page for page in PAGES if page.name == "evaluation.md")
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
    assert names["difference"].value > 0.2  # type: ignore[attr-defined]
    shown = capsys.readouterr().out
    assert "{'JP': 'favor', 'deal': 'favor'}" in shown
    assert shown.count("'target': 'JP'") == 6
