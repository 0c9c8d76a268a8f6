"""The tables of docs/model.md and README.md, from the result files of a checkpoint: no figure is typed.

python -m benchmarks.tables [FOLDER]    # models/checkpoints/polystance-mini/results if left out
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = tuple(
    ROOT / name for name in ("README.md", "docs/model.md", "docs/comparing.md", "benchmarks/README.md")
)
RESULTS: Final = (
    ROOT / "models" / "checkpoints" / "polystance-mini" / "results",
    ROOT / "benchmarks" / "results",
)
_BLOCK: Final = re.compile(r"(<!-- table ([\w-]+)\.(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SLICES: Final = ("all", "zh", "en")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def interval(score: dict[str, float] | None) -> str:
    if score is None:
        return ""
    return f"{100 * score['value']:.1f} ({100 * score['low']:.0f} to {100 * score['high']:.0f})"


def stance(result: dict[str, Any]) -> str:
    """Stance macro-F1 by language and F1 by label, the controls beneath."""
    parts = [part for part in _SLICES if any(part in r["macro_f1"] for r in result["stance"].values())]
    if len(parts) == 2:  # one language: the same as all
        parts = ["all"]
    rows = [
        [
            name,
            *(interval(scores["macro_f1"].get(part)) for part in parts),
            *(f"{100 * scores['class_f1'][label]:.0f}" for label in ("favor", "neutral", "against")),
            f"{100 * scores['calibration_error']['all']:.1f}",
        ]
        for name, scores in result["stance"].items()
    ]
    return table(["", *parts, "favor", "neutral", "against", "calibration error"], rows)


def document(result: dict[str, Any]) -> str:
    rows = [
        [name, *(interval(result[key].get(part)) for part in _SLICES)]
        for name, key in (("tone, macro-F1", "tone"), ("frames, micro-F1", "frames"))
    ]
    return table(["", *_SLICES], rows)


def certainty(result: dict[str, Any]) -> str:
    """Of the checkpoint, the first of the predictors."""
    error = next(iter(result["stance"].values()))["calibration_error"]
    rows = [
        [
            part,
            str(c["rows"]),
            f"{100 * error[part]:.1f}",
            f"{100 * c['coverage']:.1f}",
            f"{c['set_size']:.2f}",
        ]
        for part, c in result["certainty"].items()
    ]
    return table(["", "labels", "calibration error", "coverage of the 90% sets", "labels in a set"], rows)


def kept(result: dict[str, Any]) -> str:
    rows = []
    for part, c in result["certainty"].items():
        for name, key in (("kept", "share"), ("accuracy", "accuracy"), ("macro-F1", "macro_f1")):
            values = ["" if k[key] is None else f"{100 * k[key]:.0f}" for k in c["kept"]]
            rows.append([f"{part}, {name}", *values])
    levels = next(iter(result["certainty"].values()))["kept"]
    return table(["`--min-confidence`", *(f"{k['confidence']:g}" for k in levels)], rows)


def articles(result: dict[str, Any]) -> str:
    return table(["pooling", "stance macro-F1"], [[n, interval(s)] for n, s in result["macro_f1"].items()])


def robustness(result: dict[str, Any]) -> str:
    named = {
        "one_target_a_pass": "each target in a pass of its own",
        "other_order": "targets in reverse order, other markers",
        "traditional": "traditional characters",
        "without_title": "without the title",
        "capitals": "ENGLISH IN CAPITALS",
        "stray_blanks": "stray blanks in Chinese",
    }
    rows = [
        [name, interval(result["passages"][key]), interval(result["seeds"][key])]
        for key, name in named.items()
    ]
    rows.append(["translation of a sentence", interval(result["translations"]["agreement"]), ""])
    return table(["the same label", "passages", "sample corpus"], rows)


def probes(result: dict[str, Any]) -> str:
    rows = [
        [name.replace("_", ", "), interval(p["right"]), interval(p["pairs_right"])]
        for name, p in result["probes"].items()
    ]
    rows += [
        [f"swaps, {name}", interval(s["right"]), f"label changes: {interval(s['changed'])}"]
        for name, s in result["swaps"].items()
    ]
    return table(["", "labels right", "pairs with both right"], rows)


def encoders(result: dict[str, Any]) -> str:
    def share(figures: Mapping[str, Any], way: str) -> str:
        value, low, high = figures[f"ntrex128_{way}"]
        return f"{100 * value:.1f} ({100 * low:.0f} to {100 * high:.0f})"

    rows = [
        [
            name,
            f"{arm['parameters'] / 1e6:.1f} M",
            f"{arm['tokens_per_100_characters']:.0f}",
            share(arm["start"], "zh_en"),
            share(arm["start"], "en_zh"),
            share(arm["end"], "zh_en"),
            share(arm["end"], "en_zh"),
        ]
        for name, arm in result.items()
    ]
    steps = next(iter(result.values()))["steps"]
    header = [
        "", "parameters", "tokens of 100 characters", "start, zh to en", "start, en to zh",
        f"{steps} steps, zh to en", f"{steps} steps, en to zh",
    ]  # fmt: skip
    return table(header, rows)


def mixes(result: dict[str, Any]) -> str:
    """`benchmarks.mixes`: dev scores, and the difference from the first arm."""

    def share(figures: Sequence[float]) -> str:
        value, low, high = figures
        return f"{100 * value:.1f} ({100 * low:.0f} to {100 * high:.0f})"

    rows = [
        [
            name, f"{arm['news']:,}", share(arm["all"]),
            f"{100 * arm['zh'][0]:.1f}", f"{100 * arm['en'][0]:.1f}",
            f"{100 * arm['tone_f1']:.1f}", f"{100 * arm['frames_f1']:.1f}",
            share(arm["difference"]) if "difference" in arm else "",
        ]
        for name, arm in result.items()
    ]  # fmt: skip
    header = ["", "news passages", "stance", "zh", "en", "tone", "frames", "difference in stance"]
    return table(header, rows)


def stages(result: dict[str, Any]) -> str:
    """`Run.history`: dev scores at the last evaluation of each stage."""
    names = ("stance_f1", "stance_f1_zh", "stance_f1_en", "tone_f1", "frames_f1")
    rows = [
        [name, f"{last['step']:,}", *(f"{100 * last[key]:.1f}" for key in names)]
        for name, evaluations in result["stages"].items()
        for last in evaluations[-1:]
    ]
    return table(["stage", "steps", "stance", "zh", "en", "tone", "frames"], rows)


def masking(result: dict[str, Any]) -> str:
    """The encoder with and without masked news beside its alignment, and the first stage from each."""
    rows = []
    for name, arm in result.items():
        last = arm["transfer"][-1]
        scores = (last[key] for key in ("stance_f1", "stance_f1_zh", "stance_f1_en", "tone_f1", "frames_f1"))
        shares = (arm[key] for key in ("zh_en", "en_zh"))
        rows.append([name, f"{arm['steps']:,}", *(f"{100 * x:.1f}" for x in (*shares, *scores))])
    header = ["", "steps", "zh to en", "en to zh", "stance after transfer", "zh", "en", "tone", "frames"]
    return table(header, rows)


def cpu_throughput(result: list[dict[str, Any]]) -> str:
    """`benchmarks.throughput` on a CPU, a row per precision."""
    rows = [
        [
            run["dtype"], f"{run['articles_per_second']:,.0f}", f"{run['tokens_per_second']:,}",
            f"{100 * run['forward_share_of_time']:.0f}%", f"{100 * run['real_tokens_of_a_batch']:.0f}%",
            f"{100 * run['share_of_matrix_rate']:.0f}%",
        ]
        for run in result
    ]  # fmt: skip
    header = [
        "", "articles/s", "tokens/s", "time in the forward pass", "real tokens of a batch",
        "of the matrix rate",
    ]  # fmt: skip
    return table(header, rows)


def throughput(result: list[dict[str, Any]]) -> str:
    """`benchmarks.throughput` on GPUs, a row per run."""
    rows = [
        [
            f"{run['device']}, {run['dtype']}", f"{run['batch_tokens']:,}",
            f"{run['articles_per_second']:,.0f}", f"{run['tokens_per_second']:,}",
            f"{run['forward_tokens_per_second']:,}", f"{100 * run['share_of_matrix_rate']:.0f}%",
            f"{run['peak_gpu_mib']:,} MiB" if run["peak_gpu_mib"] else "",
        ]
        for run in result
    ]  # fmt: skip
    header = [
        "", "tokens of a batch", "articles/s", "tokens/s", "tokens/s, forward pass alone",
        "of the matrix rate", "GPU memory",
    ]  # fmt: skip
    return table(header, rows)


def peers(result: dict[str, Any]) -> str:
    """`benchmarks.peers`: seconds, and how many times ours."""
    parts = ("beginnings", "whole articles")
    rows = [
        [
            name,
            *(f"{result[part][name]['seconds']:.1f} s ({result[part][name]['times']:.2f})" for part in parts),
        ]
        for name in result[parts[0]]
    ]
    return table([f"{result['articles']} articles, {result['threads']} threads", *parts], rows)


def startup(result: dict[str, float]) -> str:
    """`benchmarks.startup`."""
    return table(["", "seconds"], [[name, f"{value:.2f}"] for name, value in result.items()])


def coverage(result: list[dict[str, Any]]) -> str:
    """`benchmarks.coverage`: what the raw and the corrected intervals hold."""
    rows = [
        [
            world["name"], f"{world['outlets']}", f"{world['labels']}",
            f"{100 * world['raw']['coverage']:.0f}%", f"{world['raw']['bias']:+.2f}",
            f"{world['raw']['width']:.2f}",
            f"{100 * world['corrected']['coverage']:.1f}%", f"{world['corrected']['bias']:+.2f}",
            f"{world['corrected']['width']:.2f}",
        ]
        for world in result
    ]  # fmt: skip
    header = [
        "", "outlets a group", "hand labels a group", "raw: holds the true gap", "bias", "width",
        "corrected: holds the true gap", "bias", "width",
    ]  # fmt: skip
    return table(header, rows)


def speed(result: dict[str, Any]) -> str:
    """`benchmarks.comparison`: one line."""
    header = ["rows", "outlets", "targets", "bootstrap draws", "cores", "seconds", "peak memory"]
    row = [
        f"{result['rows']:,}", f"{result['outlets']:,}", f"{result['targets']}", f"{result['draws']:,}",
        f"{result['cores']}", f"{result['seconds']}", f"{result['peak_gib']} GiB",
    ]  # fmt: skip
    return table(header, [row])


def memory(result: dict[str, Any]) -> str:
    """`benchmarks.memory`: one line a run."""
    rows = [
        [f"{run['articles']:,}", f"{run['seconds']}", f"{run['peak_mib']:.0f} MiB", f"{run['ratio']:.2f}"]
        for run in result["runs"]
    ]
    return table(["articles", "seconds", "peak memory", "ratio"], rows)


def retrieval(result: dict[str, Any]) -> str:
    """`benchmarks.retrieval`: translations found by either likeness."""
    found = result["sentences"]
    names = ("soft cosine", "mean")
    rows = [[n, f"{100 * found[n]['zh_en']:.1f}", f"{100 * found[n]['en_zh']:.1f}"] for n in names]
    return table([f"{found['corpus']}, {found['pairs']:,} pairs", "zh to en", "en to zh"], rows)


def linking(result: dict[str, Any]) -> str:
    """`benchmarks.retrieval`: events of the sample corpus."""
    rows = [
        [f"{row['threshold']:g}", *(f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1"))]
        for row in result["events"]
    ]
    return table(["threshold", "precision", "recall", "F1"], rows)


def precisions(result: dict[str, Any]) -> str:
    """`benchmarks.precision`: what each costs and loses."""
    rows = [
        [
            name, f"{row['tokens_per_second']:,}", f"{row['ratio']:.2f}",
            *(f"{100 * row[key]:.1f}" for key in ("stance_f1", "stance_f1_zh", "stance_f1_en")),
            f"{100 * row['same_labels']:.1f}",
        ]
        for name, row in result["precisions"].items()
    ]  # fmt: skip
    header = ["", "tokens a second", "speed", "stance macro-F1, dev", "zh", "en", "labels as in fp32"]
    return table(header, rows)


def calibrations(result: dict[str, Any]) -> str:
    """`benchmarks.calibration`: ways of calibrating, by cross-validation."""
    names = ("error", "error_zh", "error_en", "macro_f1")
    rows = [[way, *(f"{100 * figures[name]:.1f}" for name in names)] for way, figures in result.items()]
    return table(["", "calibration error", "zh", "en", "stance macro-F1"], rows)


_MAKERS: Final = (
    stance, document, certainty, kept, articles, robustness, probes, encoders, mixes, stages, masking,
    throughput, cpu_throughput, calibrations, precisions, peers, startup, coverage, speed, memory, retrieval,
    linking,
)  # fmt: skip
MAKERS: Final = {maker.__name__: maker for maker in _MAKERS}


def filled(page: str) -> str:
    """A page with every table made anew. Raises KeyError for a maker that doesn't exist."""

    def make(match: re.Match[str]) -> str:
        path = next(p for folder in RESULTS if (p := folder / f"{match[2]}.json").exists())
        result = json.loads(path.read_text(encoding="utf-8"))
        return f"{match[1]}\n{MAKERS[match[3]](result)}\n\n{match[4]}"

    return _BLOCK.sub(make, page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
