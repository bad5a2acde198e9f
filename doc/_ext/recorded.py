"""The directive ``recorded-benchmarks``: a section for each recorded output.

A record is a text file: lines ``key: value``, an empty line, and what was printed.
``title``, ``command`` and ``date`` must be there; ``decision`` names the record in
doc/decisions that draws the conclusion, ``note`` says what to bear in mind.
"""

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

REQUIRED = ("title", "command", "date")


def read(file: Path) -> tuple[dict[str, str], str]:
    """Return the head of a record, and the output."""
    head, _, output = file.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    missing = [key for key in REQUIRED if key not in fields]
    if missing or not output.strip():
        raise ValueError(f"{file.name} lacks {missing or 'the output'}")
    return fields, output.rstrip()


def as_text(file: Path) -> list[str]:
    """The section of one record, in reStructuredText."""
    fields, output = read(file)
    lines = [fields["title"], "-" * len(fields["title"]), ""]
    lines += [f"``{fields['command']}``, {fields['date']}.", ""]
    if "note" in fields:
        lines += [fields["note"], ""]
    if "decision" in fields:
        lines += [f"Conclusions: :doc:`decisions/{fields['decision']}`.", ""]
    lines += ["::", "", *(f"    {line}" for line in output.splitlines()), ""]
    return lines


class RecordedBenchmarks(SphinxDirective):
    """One section for each file ``*.txt`` of a folder, in order of their names."""

    required_arguments = 1

    def run(self):
        folder = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        text = StringList()
        for file in sorted(folder.glob("*.txt")):
            self.env.note_dependency(str(file))
            for line in as_text(file):
                text.append(line, str(file))
        parent = nodes.Element()
        self.state.nested_parse(text, 0, parent, match_titles=True)
        return parent.children


def setup(app):
    app.add_directive("recorded-benchmarks", RecordedBenchmarks)
    return {"parallel_read_safe": True}
