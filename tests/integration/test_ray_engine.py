"""Labels made on a Ray cluster are those made in this process, also when workers die on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from polystance.errors import EngineError, UsageError
from polystance.inference.classifier import StanceClassifier
from polystance.inference.engines import Chunk, LocalEngine, open_engine
from polystance.inference.job import JobOptions, run_job
from polystance.models.records import Article
from tests.unit.tiny import CHINESE, ENGLISH, write_jsonl, write_tiny

needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed: pip install -e '.[ray]'")
TABLES = ("articles.parquet", "stances.parquet", "texts.parquet", "failures.jsonl")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 articles of two sentences, no two alike, and a broken row."""
    folder = tmp_path_factory.mktemp("news")
    sentences = (*ENGLISH, *CHINESE)
    rows = [
        {"id": f"a{i}", "title": f"No {i}", "text": f"{sentences[i % 6]} {i} {sentences[i // 6 % 6]}"}
        for i in range(2_000)
    ]
    path = write_jsonl(folder / "news.jsonl", rows)
    with path.open("a", encoding="utf-8") as stream:
        stream.write('{"text": \n')
    return path


@pytest.fixture(scope="module")
def local(checkpoint: Path, news: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local")
    run_job(
        StanceClassifier.from_pretrained(checkpoint, "cpu", precision="fp32"), [str(news)], out, JobOptions()
    )
    return out


def python(module: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, args)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.slow
@needs_ray
def test_the_tables_are_those_of_the_local_engine(
    checkpoint: Path, news: Path, local: Path, tmp_path: Path
) -> None:
    result = python(
        "polystance", "classify", news, "-o", tmp_path, "-m", checkpoint,
        "--engine", "ray", "--workers", "2", "--device", "cpu",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "2,000 articles" in result.stderr
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (local / name).read_bytes(), name
    timing = json.loads((tmp_path / "timing.json").read_text())
    assert timing["device"] == "ray: 2 workers, cpu"


@pytest.mark.slow
@needs_ray
def test_killed_workers_lose_nothing(checkpoint: Path, news: Path, tmp_path: Path) -> None:
    classifier = StanceClassifier.from_pretrained(checkpoint, "cpu", precision="fp32")
    run_job(classifier, [str(news)], tmp_path / "undisturbed", JobOptions(), shard_items=100)
    result = python("tests.integration.ray_jobs", checkpoint, news, tmp_path)
    assert result.returncode == 0, result.stderr
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert seen["killed"] == ["MapWorker", "Read_Fed"]
    assert seen["articles"] == 2_000
    for name in TABLES:
        disturbed, undisturbed = (tmp_path / run / name for run in ("disturbed", "undisturbed"))
        assert disturbed.read_bytes() == undisturbed.read_bytes(), name


@needs_ray
@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:1", r"(?s)No Ray cluster answers at 127\.0\.0\.1:1.*ray start --head"),
     ("somewhere", "HOST:PORT, or auto"), ("ray://127.0.0.1:10001", "HOST:PORT, or auto")],
)  # fmt: skip
def test_no_cluster_at_the_address_is_said_at_once(checkpoint: Path, address: str, said: str) -> None:
    engine = open_engine("ray", checkpoint, address=address)
    chunks = [Chunk(0, [Article("a", "Washington praised Tokyo.")])]
    with pytest.raises((EngineError, UsageError), match=said):
        next(iter(engine.label(chunks, "auto", min_confidence=0.0)))


@needs_ray
def test_options_are_checked_before_a_cluster_is_asked(checkpoint: Path) -> None:
    engine = open_engine("ray", checkpoint, address="127.0.0.1:1")
    with pytest.raises(UsageError, match="from 0 to 1"):
        next(iter(engine.label([], "auto", min_confidence=2.0)))


@needs_ray
def test_no_cluster_is_asked_for_when_nothing_is_left_to_label(checkpoint: Path) -> None:
    engine = open_engine("ray", checkpoint, address="127.0.0.1:1")
    assert list(engine.label([], "auto", min_confidence=0.0)) == []
    assert engine.device == "ray: not used"


@needs_ray
@pytest.mark.parametrize(
    ("resources", "device", "workers", "expected"),
    [
        ({"CPU": 8.0}, "auto", None, (8, 0)),
        ({"CPU": 8.0}, "auto", 3, (3, 0)),
        ({"CPU": 8.0, "GPU": 2.0}, "auto", None, (2, 1)),
        ({"CPU": 8.0, "GPU": 2.0}, "cuda", 1, (1, 1)),
        ({"CPU": 8.0, "GPU": 2.0}, "auto", 5, (5, 0.3333)),  # three on one GPU, two on the other
        ({"CPU": 8.0, "GPU": 2.0}, "cpu", None, (8, 0)),
    ],
)
def test_a_worker_has_a_core_or_a_share_of_a_gpu(
    resources: dict[str, float], device: str, workers: int | None, expected: tuple[int, float]
) -> None:
    from polystance.inference.ray_engine import pool_for

    pool = pool_for(resources, device, workers)
    assert (pool.workers, pool.gpus) == expected


@needs_ray
def test_a_cluster_too_small_is_refused() -> None:
    from polystance.inference.ray_engine import pool_for

    with pytest.raises(UsageError, match="no GPU"):
        pool_for({"CPU": 4.0}, "cuda", None)
    with pytest.raises(UsageError, match="has 4"):
        pool_for({"CPU": 4.0}, "cpu", 5)


def test_options_that_do_not_fit_are_refused(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"local .* or ray"):
        open_engine("spark", checkpoint)
    with pytest.raises(UsageError, match="--engine ray"):
        open_engine("local", checkpoint, address="auto")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"pip install 'polystance\[ray\]'"):
        open_engine("ray", checkpoint)


@needs_ray
def test_devices_and_workers_are_checked(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="auto, cpu or cuda"):
        open_engine("ray", checkpoint, "cuda:1")
    with pytest.raises(UsageError, match="1 or more"):
        open_engine("ray", checkpoint, workers=0)


def test_the_local_engine_keeps_chunks_and_order(checkpoint: Path) -> None:
    engine = LocalEngine(StanceClassifier.from_pretrained(checkpoint, "cpu", precision="fp32"))
    chunks = [Chunk(n, [Article(f"{n}{i}", text) for i, text in enumerate(ENGLISH)]) for n in (0, 3)]
    labelled = list(engine.label(chunks, ["US"], min_confidence=0.0))
    assert [chunk for chunk, _ in labelled] == chunks
    assert [[x.article.id for x in labels] for _, labels in labelled] == [
        ["00", "01", "02"],
        ["30", "31", "32"],
    ]
