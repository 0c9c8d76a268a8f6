"""The README does what it says: its Python runs, its tree is the tree, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_python_runs(readme: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "1 CN" in shown
    assert "mean_zh" in shown


def test_the_tree_names_what_is_there(readme: str, root: Path) -> None:
    tree = readme.split("## What is where")[1].split("```")[1]
    folder = Path()
    for line in tree.strip().splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split(", ")
        for name in names:
            if not line.startswith(" "):
                folder = Path(name) if name.endswith("/") else Path()
                assert (root / name).exists(), name
            else:
                assert (root / folder / name.split(" ")[0]).exists(), f"{folder}/{name}"


def test_every_module_is_in_the_tree(readme: str, root: Path) -> None:
    tree = readme.split("## What is where")[1].split("```")[1]
    for folder in ("models", "inference", "training"):
        for path in (root / folder).glob("*.py"):
            if path.name != "__init__.py":
                assert re.search(rf"\b{re.escape(path.name)}\b", tree), (
                    f"{folder}/{path.name} is not in the tree"
                )


def test_links_lead_somewhere(readme: str, root: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if not target.startswith("http"):
            assert (root / target).exists(), target


def test_make_targets_exist(readme: str, root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
