"""Sphinx: how the documentation is built.

    python -m pip install ".[doc,plots]"
    python -m sphinx -W --keep-going -q doc doc/_build

The examples run on the way, which takes some minutes; ``SKHPO_GALLERY=0`` shows them
without their pictures. ``SKHPO_INTERSPHINX=1`` links scikit-learn's classes to its
pages, which takes a network.
"""

import os
import shutil
import sys
from pathlib import Path

import skhpo

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
sys.path.insert(0, str(HERE / "_ext"))

project = "skhpo"
author = "The skhpo developers"
copyright = "2026, the skhpo developers"
version = release = skhpo.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",  # the decisions are Markdown
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",  # the picture of the first page
    "plain_links",
    "recorded",
]
if os.environ.get("SKHPO_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "generated/examples", "decisions/README.md"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the gallery's configuration holds no secrets

# ---- reference

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc has them in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False

# ---- gallery


def collect_examples() -> str:
    """Copy what the gallery shows to a folder of its own, and return its name.

    sphinx-gallery takes each subfolder with a README for a section of the gallery;
    examples/benchmarks is none.
    """
    folder = HERE / "generated" / "examples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for example in sorted(EXAMPLES.glob("plot_*.py")):
        shutil.copy2(example, folder)
    header = next(
        (
            f
            for f in (EXAMPLES / "GALLERY_HEADER.rst", EXAMPLES / "README.rst")
            if f.exists()
        ),
        None,
    )
    text = header.read_text(encoding="utf-8") if header else "Examples\n========\n"
    (folder / "GALLERY_HEADER.rst").write_text(text, encoding="utf-8")
    return str(folder)


sphinx_gallery_conf = {
    "examples_dirs": collect_examples(),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "plot_gallery": os.environ.get("SKHPO_GALLERY", "1") != "0",
    "doc_module": ("skhpo",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"skhpo": None},
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
}

plot_include_source = True
plot_html_show_source_link = plot_html_show_formats = False
plot_formats = [("png", 100)]

# ---- what scikit-learn documents


def skip_routing(app, what, name, obj, skip, options):
    """Leave out scikit-learn's methods of metadata routing, which it documents."""
    is_request = name.startswith("set_") and name.endswith("_request")
    return True if is_request or name == "get_metadata_routing" else None


def setup(app):
    app.connect("autodoc-skip-member", skip_routing)


# ---- looks

html_theme = "pydata_sphinx_theme"
html_title = f"skhpo {release}"
html_static_path = []
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
}
html_sidebars = {"changelog": [], "glossary": [], "benchmarks": []}
