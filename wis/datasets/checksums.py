"""SHA-256 checksums of downloaded files, by their paths below the data root.

`checksums.txt` lists them in the format of sha256sum. Those of Cora, CiteSeer, Chameleon,
Squirrel, Tolokers and Minesweeper were computed from the files that wis was tested on. Those of
PubMed, roman-empire, amazon-ratings, ogbn-arxiv, MNIST and Fashion-MNIST were published by others,
whose lists agree with ours on Cora, CiteSeer, Tolokers and the labels of Fashion-MNIST. No
checksums were found for dblp, computers, actor, ogbn-products and ogbn-papers100M.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_LINES = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
SHA256 = {path: digest for digest, path in (line.split("  ") for line in _LINES)}


def sha256_of(folder: str, names: Iterable[str]) -> tuple[str | None, ...]:
    """The checksums of files in a folder of the data root, None for files that are not listed."""
    return tuple(SHA256.get(f"{folder}/{name}") for name in names)
