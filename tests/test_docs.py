"""The documentation builds, without a warning, and its links lead somewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The folder of the built pages; the examples are shown, not run."""
    for package in ("sphinx_gallery", "numpydoc", "myst_parser", "pydata_sphinx_theme"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("html")
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "doc", folder]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"SKHPO_GALLERY": "0", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        build,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_each_kind_of_page_is_there(html):
    pages = ("which_search", "api", "glossary", "generated/skhpo.BayesSearchCV")
    pages += ("generated/skhpo.plots.RungDisplay", "coming_from/optuna")
    pages += ("decisions/0001-the-job-and-its-values", "auto_examples/index")
    assert [p for p in pages if not (html / f"{p}.html").exists()] == []


def test_listings_come_from_the_source(html):
    page = (html / "developers.html").read_text(encoding="utf-8")
    for name in ("next_jobs", "_propose", "make_scheduler", "may_continue"):
        assert name in page


def test_recorded_benchmarks_are_shown(html):
    page = (html / "benchmarks.html").read_text(encoding="utf-8")
    records = sorted((ROOT / "doc" / "benchmarks").glob("*.txt"))
    assert records
    for record in records:
        lines = record.read_text(encoding="utf-8").splitlines()
        assert lines[0].removeprefix("title: ") in page


def test_local_links_lead_somewhere(html):
    dead = {
        (page.name, link)
        for page in html.rglob("*.html")
        if page.name != "webpack-macros.html"  # a template of the theme
        for link in links_of(page)
        if not leads_somewhere(link, page)
    }
    assert dead == set()


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        address = dict(attributes).get("href" if tag == "a" else "src")
        if address:
            self.found.append(address)


def links_of(page):
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def leads_somewhere(link, page):
    path = unquote(link.partition("#")[0].partition("?")[0])
    if not path or "://" in link or link.startswith(("data:", "mailto:")):
        return True
    return (page.parent / path).exists()
