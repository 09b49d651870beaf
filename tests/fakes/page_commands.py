"""The `bench` commands that the pages of the repository show."""

import re

from conftest import ROOT

PAGES = [
    path
    for pattern in ("README.md", "docs/**/*.md", "methods/**/*.md", "datasets/*.md", "results/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "commands.md"  # it is what the commands print
]
IN_BLOCK = re.compile(r"^ *(?:- )?(bench .*)$", re.MULTILINE)
INLINE = re.compile(r"`(bench [^`]+)`")
BLOCK = re.compile(r"^```(?:bash|yaml)\n.*?^```$|(?:^ {4,}\S.*\n)+", re.MULTILINE | re.DOTALL)


def commands(text):
    """The commands of a page, one a string; what a page leaves out ("...") stays in."""
    text = text.replace("\\\n", " ")
    for block in BLOCK.findall(text):
        for line in IN_BLOCK.findall(block):
            yield from (part for part in line.split("&&") if part.strip().startswith("bench"))
    yield from (" ".join(one.split()) for one in INLINE.findall(text))
