"""What users install: an sdist, the wheel made from it, and that wheel with the sources out of sight."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest

PARTS = ("polystance", "models", "training", "inference", "seeds")
# Runs first in the interpreter that uses the wheel: the wheel before everything else, and no editable
# install to fall back on, so that a module missing from the wheel is missing.
ISOLATED = """
import sys
sys.path.insert(0, sys.argv[1])
sys.meta_path = [f for f in sys.meta_path if "editable" not in (getattr(f, "__module__", "") or "")]
"""
CLASSIFY = """
import json, polystance
classifier = polystance.StanceClassifier.from_pretrained(device="cpu")
texts = ["中方强烈谴责美方滥用国家安全概念。", "Beijing accused Washington of bullying its partners."]
rows = [
    {
        "language": labels.article.language,
        "stances": {
            t: [s.label, sum(s.probabilities.values()), s.mentions] for t, s in labels.stances.items()
        },
        "tone": labels.tone.label,
    }
    for labels in classifier.classify(texts)
]
ours = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "polystance"}
modules = {n: getattr(m, "__file__", None) for n, m in ours.items()}
print(json.dumps({"version": polystance.__version__, "rows": rows, "modules": modules}))
"""


def command(*args: str | Path, cwd: Path) -> str:
    result = subprocess.run(
        [*map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def packaged(paths: Iterable[Path]) -> set[str]:
    """Where tracked files of the five folders belong in the wheel."""
    return {
        str(PurePosixPath(*(() if path.parts[0] == "polystance" else ("polystance",)), *path.parts))
        for path in paths
        if path.parts[0] in PARTS
    }


@pytest.fixture(scope="module")
def built(root: Path, tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and the wheel that was built from it, out of a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("package")
    for path in tracked:
        target = folder / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)
    command(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=folder / "source")
    shutil.rmtree(folder / "source")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    command(*pip, "--target", folder, wheel, cwd=folder)
    return folder


def test_wheel_holds_every_tracked_file_under_one_name(wheel: Path, tracked: list[Path]) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    inside = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in inside} == {"polystance"}
    assert inside == packaged(tracked)
    assert {
        "polystance/py.typed",
        "polystance/cli/__init__.py",
        "polystance/inference/sources/__init__.py",
        "polystance/inference/templates/report.html.j2",
        "polystance/models/checkpoints/polystance-mini/model.safetensors",
        "polystance/models/checkpoints/polystance-mini/polystance.json",
        "polystance/models/checkpoints/polystance-mini/tokenizer.json",
        "polystance/seeds/countries.toml",
        "polystance/seeds/outlets.jsonl",
        "polystance/seeds/labels.jsonl",
        "polystance/training/recipes/polystance-mini.toml",
    } <= inside
    assert any(name.startswith("polystance/seeds/articles/") for name in inside)
    (info,) = {name.split("/")[0] for name in names - inside}
    assert f"{info}/licenses/LICENSE" in names
    entry_points = zipfile.ZipFile(wheel).read(f"{info}/entry_points.txt").decode()
    assert "polystance = polystance.cli:main" in entry_points


def test_sdist_holds_what_tests_and_builds_need(built: Path, tracked: list[Path]) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {str(PurePosixPath(*PurePosixPath(m.name).parts[1:])) for m in archive if m.isfile()}
    needed = {
        path.as_posix()
        for path in tracked
        if path.parts[0] in (*PARTS, "tests", "benchmarks", "docs", "examples")
    }
    assert needed <= names
    assert {"pyproject.toml", "constraints.txt", "LICENSE", "README.md", "Makefile"} <= names
    made = {"PKG-INFO", "setup.cfg"}
    strangers = names - made - {path.as_posix() for path in tracked}
    assert {name for name in strangers if ".egg-info/" not in name} == set()


def test_installed_wheel_tells_its_version(installed: Path, tmp_path: Path) -> None:
    code = """
import runpy
sys.argv[:] = ["polystance", "--version"]
runpy.run_module("polystance", run_name="__main__", alter_sys=True)
"""
    out = command(sys.executable, "-I", "-c", ISOLATED + code, installed, cwd=tmp_path)
    assert out.startswith("polystance 0.")


def test_installed_wheel_classifies(installed: Path, root: Path, tmp_path: Path) -> None:
    out = command(sys.executable, "-I", "-c", ISOLATED + CLASSIFY, installed, cwd=tmp_path)
    result = json.loads(out.splitlines()[-1])
    for name, file in result["modules"].items():
        assert file, name
        assert Path(file).is_relative_to(installed), (name, file)
        assert not Path(file).is_relative_to(root)
    assert "polystance.models.checkpoint" in result["modules"]
    zh, en = result["rows"]
    assert (zh["language"], en["language"]) == ("zh", "en")
    for row in (zh, en):
        assert set(row["stances"]) == {"CN", "US"}
        assert row["tone"] in {"positive", "neutral", "negative"}
        for label, total, mentions in row["stances"].values():
            assert label in {"favor", "neutral", "against"}
            assert total == pytest.approx(1, abs=1e-6)
            assert mentions >= 1
