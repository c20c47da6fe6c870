"""How Sphinx builds the site: `make docs` writes plain files that open without a server.

What is made from code lies below `docs/_generated` and is never committed: a copy of the gallery's
sources (the files that examples write stay there), the drawings, the API reference, and the command
line reference, which comes from click itself.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "tools"))
os.environ.setdefault("WIS_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from api_pages import write_api_pages  # noqa: E402
from claim_pages import write_claim_page  # noqa: E402
from command_pages import write_command_pages  # noqa: E402
from docstrings import as_rst  # noqa: E402
from pictures import draw  # noqa: E402
from repository_pages import write_repository_pages  # noqa: E402

import wis  # noqa: E402

GENERATED = HERE / "_generated"
EXAMPLES = GENERATED / "examples"


def prepare_sources() -> None:
    """Write what the build makes from code. Unchanged examples keep their time stamp."""
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    for path in EXAMPLES.iterdir():  # what the last build's examples wrote
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for source in (HERE / "gallery").iterdir():
        if source.is_file():
            shutil.copy2(source, EXAMPLES / source.name)
    for script in sorted((HERE / "drawings").glob("*.py")):
        draw(script, GENERATED / "drawings" / f"{script.stem}.svg")
    write_api_pages(GENERATED / "api")
    write_repository_pages(GENERATED / "project")
    write_command_pages(GENERATED / "command_line.md")
    write_claim_page(GENERATED / "claims.md")


prepare_sources()

project = "wis"
author = "The wis authors"
copyright = "2026, the wis authors"
version = release = wis.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "sphinx_design",
    "matplotlib.sphinxext.mathmpl",
]
exclude_patterns = [
    "_build",
    "examples",
    "gallery",
    "_generated/examples",
    "auto_examples/sg_execution_times.rst",
    "sg_execution_times.rst",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "literal"
smartquotes = False  # "--remove" stays as it is typed
nitpicky = False
suppress_warnings = ["ref.python"]  # names that wis and its modules both have

# Markdown pages
myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 4

# API reference. Docstrings are written for readers of the source, with single backticks for code.
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 72
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autosummary_generate = False

# The gallery. Drawings of the algorithms are made by `tools/pictures.py`.
sphinx_gallery_conf = {
    "examples_dirs": [str(EXAMPLES)],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib", "pictures.scrape_written_pictures"),
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "thumbnail_size": (400, 280),
    "nested_sections": False,
}

mathmpl_fontsize = 14.0
mathmpl_srcset = ["2x"]
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"

html_theme = "pydata_sphinx_theme"
html_title = f"wis {version}"
html_static_path = ["_static"]
html_css_files = ["wis.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it reads pages by fetch, which browsers refuse for plain files
html_sidebars = {  # pages without pages below them
    page: []
    for page in (
        "index",
        "start",
        "choose",
        "repeatable",
        "theory",
        "_generated/project/benchmarks",
    )
}
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
}


def docstring_as_rst(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn a docstring into reStructuredText that cannot be misread; runs before napoleon."""
    lines[:] = as_rst(lines)


def setup(app: object) -> None:
    """Hook the docstrings in."""
    app.connect("autodoc-process-docstring", docstring_as_rst, priority=1)  # type: ignore[attr-defined]
