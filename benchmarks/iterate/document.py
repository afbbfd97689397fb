"""Sections of `docs/iteration-figures.md`, each between two marks, so that one study can be run anew without the others."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "iteration-figures.md"
PICTURES = DOCUMENT.parent / "pictures"


def put(name: str, section: str) -> None:
    """Replace a study's section."""
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), name, section))


def replaced(document: str, name: str, section: str) -> str:
    """The document with another section between a study's marks.

    Raises:
        ValueError: the marks are not there.
    """
    opening, closing = f"<!-- {name}: written by python -m benchmarks.iterate {name} -->", f"<!-- end of {name} -->"
    before, begin, rest = document.partition(opening)
    _, end, after = rest.partition(closing)
    if not (begin and end):
        raise ValueError(f"the document lacks {opening!r} or {closing!r}: put both where the section belongs")
    return f"{before}{opening}\n\n{section.strip()}\n\n{closing}{after}"
