"""The pages under docs/ build without a warning, and name every command, option and public name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polystance
from polystance.cli import app


def test_pages_build_without_a_warning(root: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "docs",
        tmp_path / "html",
    ]
    built = subprocess.run([*command, "-d", tmp_path], cwd=root, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "StanceClassifier" in (tmp_path / "html" / "api.html").read_text(encoding="utf-8")


def test_every_command_and_option_is_in_the_reference(root: Path, tmp_path: Path) -> None:
    """`docs/cli.md` is what `make docs` writes from the commands themselves."""
    page = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "polystance.cli", "utils", "docs", "--name", "polystance"]
    subprocess.run(
        [*command, "--title", "Commands", "--output", page], cwd=root, check=True, capture_output=True
    )
    assert (root / "docs" / "cli.md").read_text(encoding="utf-8") == page.read_text(encoding="utf-8"), (
        "docs/cli.md is not what the commands say now: run `make docs`"
    )


def test_every_option_says_what_it_is_for() -> None:
    from typer.main import get_command

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_every_public_name_is_in_the_reference(root: Path) -> None:
    page = (root / "docs" / "api.md").read_text(encoding="utf-8")
    for name in polystance.__all__:
        assert name == "__version__" or f":: polystance.{name}\n" in page, name
