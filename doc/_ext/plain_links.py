"""Links that work both in a repository's browser and in the built pages.

The pages link to each other, and to files of the repository, as plain reStructuredText
does: ```What the best score is worth <score_estimate.rst>`_``. Here a link to a page
becomes a link to the built page, and a link to any other file a download of that file.

Where docstrings and the changelog only name a page (``doc/plots.rst``,
``doc/decisions/0005``), the name becomes a link as well.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


class PlainLinks(SphinxTransform):
    """Resolves references whose address is a path."""

    default_priority = 210  # once references have their addresses

    def apply(self):
        for reference in list(self.document.findall(nodes.reference)):
            address = reference.get("refuri", "")
            if (
                address
                and "://" not in address
                and not address.startswith(("#", "mailto:"))
            ):
                self._resolve(reference, address)

    def _resolve(self, reference, address):
        here = Path(self.env.doc2path(self.env.docname)).parent
        target = (here / address).resolve()
        if not target.is_file():
            logger.warning("link to nothing: %s", address, location=reference)
            return
        reference.replace_self(self._new(reference, target))

    def _new(self, reference, target):
        page = self.env.path2doc(str(target))
        if page == "decisions/README":
            page = "decisions/index"
        if page in self.env.found_docs:
            options = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{page}"}
            options |= {
                "refdoc": self.env.docname,
                "refexplicit": True,
                "refwarn": True,
            }
            new = addnodes.pending_xref("", **options)
            new += nodes.inline("", reference.astext(), classes=["doc"])
        else:
            source = Path(self.env.srcdir)
            relative = target.relative_to(source.parent).as_posix()
            new = addnodes.download_reference("", reftarget=f"/../{relative}")
            new += nodes.literal("", reference.astext(), classes=["download"])
        return new


NAMED = re.compile(r"(?<!`)\bdoc/((?:decisions/\d{4})|\w+\.rst)")


def link_names(app, text: str) -> str:
    """Turn each page that is named in a text into a link to it."""

    def link(found):
        name = found[1].removesuffix(".rst")
        pages = sorted(app.env.found_docs)
        page = next((p for p in pages if p == name or p.startswith(f"{name}-")), None)
        return found[0] if page is None else f":doc:`/{page}`"

    return NAMED.sub(link, text)


def link_names_in_docstring(app, what, name, obj, options, lines):
    lines[:] = [link_names(app, line) for line in lines]


def link_names_in_page(app, docname, source):
    if docname == "changelog":
        source[0] = link_names(app, source[0])


def setup(app):
    app.add_transform(PlainLinks)
    app.connect("autodoc-process-docstring", link_names_in_docstring)
    app.connect("source-read", link_names_in_page)
    return {"parallel_read_safe": True}
