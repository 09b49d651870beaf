"""Every relative link in the documentation leads to a file, and its anchor to a heading."""

import re
import tomllib

import pytest

from conftest import ROOT

PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "methods/**/*.md", "datasets/*.md", "results/*.md")
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def anchors(path):
    """As GitHub makes them of headings."""
    text = CODE.sub(lambda match: match[0].strip("`"), path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for link in LINK.findall(text):
        place, _, anchor = link.partition("#")
        if ":" in place:
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def cards(folder):
    found = sorted((ROOT / folder).rglob("*.toml"))
    return {tomllib.loads(path.read_text(encoding="utf-8"))["name"] for path in found}


@pytest.mark.parametrize("folder", ["methods", "datasets"])
def test_the_readme_of_a_folder_names_every_card(folder):
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert {name for name in cards(folder) if f"`{name}`" not in text} == set()
