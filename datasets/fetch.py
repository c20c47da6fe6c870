"""Download the raw files of data sets into a data root, each in the layout of its loader.

    python datasets/fetch.py cora chameleon --data-root /data
    python datasets/fetch.py --all

What is there already is left alone. `wis datasets` lists the names; without a network, or with
WIS_OFFLINE set, it says which files to put where by hand.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from wis.datasets import available_datasets, data_root, fetch
from wis.datasets.download import TRUST_VARIABLE
from wis.errors import WisError

LARGE = "ogbn-papers100m"  # 56 GB, by its name only


def main() -> int:
    """Fetch what the command line names; 1 if something is missing in the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets to fetch")
    parser.add_argument("--all", action="store_true", help="all but papers100m (about 2 GB)")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="default: $WIS_DATA_ROOT")
    parser.add_argument(
        "--trust-download",
        action="store_true",
        help="also take files whose checksum is not known, such as dblp, computers and actor",
    )
    arguments = parser.parse_args()
    if arguments.trust_download:
        os.environ[TRUST_VARIABLE] = "1"
    real = [dataset.name for dataset in available_datasets() if dataset.files is not None]
    names = [name for name in real if name != LARGE] if arguments.all else arguments.names
    if not names:
        parser.error(f"name a data set, or pass --all; known: {', '.join(real)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return max(_fetch_one(name, arguments.data_root) for name in names)


def _fetch_one(name: str, root: Path | None) -> int:
    try:
        paths = fetch(name, root=root)
    except WisError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{name}: {len(paths)} files below {data_root(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
