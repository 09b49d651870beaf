"""What mkdocs does beyond its plugins: lists of pages in the menu, diagrams, and a last check.

Runs in the environment of the site (requirements-docs.lock), not in that of `bench`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mmdr
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a browser would fetch from elsewhere; links that a reader may follow are no such thing.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b[^>]*rel=["']?(?:stylesheet|preconnect|icon)["']?[^>]*href=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(["']?(?:https?:)?//[^)]+"""
)


def on_config(config: MkDocsConfig) -> None:
    """Replace ``FOLDER/*`` in the menu by the pages of that folder."""
    config.nav = _listed(config.nav, Path(config.docs_dir))


def _listed(nav: Any, root: Path) -> Any:  # noqa: ANN401 - what YAML gives
    if isinstance(nav, dict):
        return {name: _listed(value, root) for name, value in nav.items()}
    if not isinstance(nav, list):
        return nav
    listed = []
    for one in nav:
        if isinstance(one, str) and one.endswith("/*"):
            found = sorted((root / one).parent.glob("*.md"))
            listed += [{path.stem: path.relative_to(root).as_posix()} for path in found]
        else:
            listed.append(_listed(one, root))
    return listed


def on_page_markdown(markdown: str, **_: object) -> str:
    """Draw diagrams now: drawing them in the browser needs a script from elsewhere."""
    return MERMAID.sub(lambda match: f'<div class="diagram">{_drawn(match[1])}</div>', markdown)


def _drawn(diagram: str) -> str:
    svg = str(mmdr.render(diagram).svg())
    return svg[svg.index("<svg") :].replace("\n", " ")


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that fetches anything from elsewhere."""
    found = [
        f"{path.relative_to(config.site_dir)} fetches {match[0]}"
        for pattern in ("*.html", "*.css")
        for path in sorted(Path(config.site_dir).rglob(pattern))
        for match in FETCHED.finditer(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise PluginError("the site must work without a network:\n" + "\n".join(found[:20]))
