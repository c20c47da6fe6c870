"""Hand-made rows of results."""

from __future__ import annotations

from typing import Any

CONFIG = {"model": "gcn", "max_epochs": 10, "width": 8, "seed": 0, "device": "cpu"}


def made_row(label: str, percent: float, seed: int, accuracy: float | None, **changes: Any) -> Any:
    """A row as a sweep writes it; without an accuracy, one that failed."""
    key = f"{label}/{percent}/{seed}/{sorted(changes)}"
    row = {
        "type": "run",
        "key": key,
        "run_key": key,
        "recipe": "made",
        "recipe_hash": "0123456789abcdef",
        "dataset": "cora",
        "data_digest": "d",
        "label": label,
        "method": label,
        "options": {},
        "order_seconds": 0.5,
        "percent_removed": percent,
        "model": "gcn",
        "seed": seed,
        "status": "failed",
        "error": "DivergedError: seed 1, epoch 3: the loss is not finite",
    }
    if accuracy is not None:
        row |= {
            "status": "done",
            "error": None,
            "test_accuracy": accuracy,
            "config": {**CONFIG, "seed": seed},
            "num_epochs": 10,
            "seconds": 2.0,
            "cpu_seconds": 1.0 - percent / 200,
            "peak_memory_bytes": 300 * 2**20,
            "stopped_by": "patience",
            "versions": {"torch": "2.0"},
            "git_revision": None,
            "system": "Linux x86_64",
            "processor": "a processor",
            "num_cpus": 2,
            "threads": 1,
            "num_seeds": 2,
            "finished_at": "2026-01-01T00:00:00Z",
        }
    return row | changes


def two_methods() -> list[Any]:
    """WIS and random at 0, 50 and 100 % with two seeds; accuracies in round numbers."""
    accuracies = {
        ("1-WIS", 0): (0.90, 0.80),
        ("1-WIS", 50): (0.80, 0.70),
        ("1-WIS", 100): (0.50, 0.40),
        ("random", 0): (0.90, 0.80),
        ("random", 50): (0.70, 0.62),
        ("random", 100): (0.50, 0.40),
    }
    return [
        made_row(label, float(percent), seed, value)
        for (label, percent), values in accuracies.items()
        for seed, value in enumerate(values)
    ]
