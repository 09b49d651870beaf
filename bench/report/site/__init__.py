"""A leaderboard as a folder of static pages: no server, no network, no foreign script."""

from __future__ import annotations

from bench.report.site.labs import Lab, store_names
from bench.report.site.pages import pages
from bench.report.site.write import write_site

__all__ = ["Lab", "pages", "store_names", "write_site"]
