"""The shape of the package: who imports whom, what an import costs, what is listed where."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import polystance

PARTS = ("models", "training", "inference", "seeds")
HEAVY = ("torch", "transformers", "pandas", "pyarrow", "trafilatura", "sklearn", "scipy", "altair", "duckdb")
MAX_LINES = 400


def python(code: str, cwd: Path) -> str:
    """What `code` prints in a fresh isolated interpreter."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=cwd, capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_imports_go_one_way(root: Path) -> None:
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    result = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("module", ["polystance", "polystance.errors", "polystance.cli"])
def test_importing_is_cheap(module: str, tmp_path: Path) -> None:
    code = f"import {module}, json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    assert json.loads(python(code, tmp_path)) == []


def test_public_names_resolve() -> None:
    for name in polystance.__all__:
        assert getattr(polystance, name) is not None
    assert set(polystance.__all__) <= set(dir(polystance))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = polystance.no_such_name


def test_parts_are_found_under_the_package_name_only(root: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util, json\n"
        f"specs = {{name: importlib.util.find_spec(name) for name in {PARTS!r}}}\n"
        "print(json.dumps({name: spec and spec.origin for name, spec in specs.items()}))"
    )
    for name, origin in json.loads(python(code, tmp_path)).items():
        assert origin is None or not Path(origin).is_relative_to(root), name
    for name in PARTS:
        spec = importlib.util.find_spec(f"polystance.{name}")
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).resolve() == root / name / "__init__.py"


def test_every_package_on_disk_is_listed(root: Path, tracked: list[Path]) -> None:
    listed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    on_disk = set()
    for path in tracked:
        if path.name == "__init__.py" and path.parts[0] in (*PARTS, "polystance"):
            folders = path.parent.parts
            on_disk.add(".".join(folders if folders[0] == "polystance" else ("polystance", *folders)))
    assert set(listed["packages"]) == on_disk
    assert listed["package-dir"] == {"polystance": "polystance"} | {f"polystance.{p}": p for p in PARTS}


def test_no_module_is_long(root: Path, tracked: list[Path]) -> None:
    lines = {
        str(path): len((root / path).read_text(encoding="utf-8").splitlines())
        for path in tracked
        if path.suffix == ".py"
    }
    assert len(lines) > 50
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_path_of_one_machine(root: Path, tracked: list[Path]) -> None:
    home = re.compile(rb"(?<![\w./-])/(?:root|work|home/\w+|Users/\w+)/\w")
    named = [str(path) for path in tracked if home.search((root / path).read_bytes())]
    assert named == []
