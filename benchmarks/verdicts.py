"""Judge all claims of the thesis from the kept rows, for `wis theory list` and the site.

    python benchmarks/verdicts.py            # writes wis/theory/experiments/verdicts.json
    python benchmarks/verdicts.py --check    # exit code 1 if that file is not what the rows say

Kept rows are ``benchmarks/results/theory_*.jsonl.gz``, ``thesis_*.jsonl.gz`` and
``influence.jsonl``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from wis.experiments.results import read_results
from wis.show.claims_text import format_claims
from wis.theory.catalogue import VERDICTS
from wis.theory.findings import findings_of

RESULTS = Path(__file__).parent / "results"


def kept_files() -> list[Path]:
    """The files of results that have claims."""
    patterns = ("theory_*.jsonl.gz", "thesis_*.jsonl.gz", "influence.jsonl")
    return [path for pattern in patterns for path in sorted(RESULTS.glob(pattern))]


def verdicts() -> str:
    """The text of the file of verdicts."""
    rows, _ = read_results(kept_files())
    return format_claims(findings_of(rows), "json") + "\n"


if __name__ == "__main__":
    text = verdicts()
    if "--check" in sys.argv[1:]:
        sys.exit(text != VERDICTS.read_text(encoding="utf-8"))
    VERDICTS.write_text(text, encoding="utf-8")
