"""The version of wis, written here once; `pyproject.toml` reads it.

A constant, so that wis also runs from a working tree that was never installed.
"""

VERSION = "0.2.0"
