"""The pages of docs/ that show how to do something: every block of code in them works.

A page runs in a folder of its own. Pages that go on where another one ends share its run, also
between the workers of pytest-xdist. What a block does stands in its info string, of which GitHub
shows nothing:

- ``file=PATH``: it is written to PATH in the folder.
- ``bash``: it is run there; a command that fails is a failure.
- ``text``: these lines stand in what the ``bash`` block before it printed.
- ``diff``: a change of the repository, applied to a copy of it.

Any other block is refused: nothing on these pages goes untested.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT
from fakes.phantom import make_phantom_cache

DOCS = ROOT / "docs"
ADDING = sorted(path.stem for path in DOCS.glob("adding-*.md"))
PAGES = [*ADDING, "tutorial", *sorted(f"guides/{one.stem}" for one in DOCS.glob("guides/*.md"))]
# A page may go on where another one ends; the first line of its text says so.
GOES_ON = re.compile(r"goes on in\s+the\s+folder\s+of\s+\[[^]]+\]\((?:\.\./)?([\w-]+)\.md\)")
FENCE = re.compile(r"^```([a-z]+)(?: +file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    file: str
    content: str


def blocks(page: str) -> list[Block]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    found = [Block(*match.groups(default="")) for match in FENCE.finditer(text)]
    assert text.count("```") == 2 * len(found), "a block whose info string is not understood"
    return found


def before(page: str) -> str | None:
    match = GOES_ON.search((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    return match[1] if match else None


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """Does a page, after the page it goes on from, and gives the folder with what it left."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def do(page: str) -> Path:
        place = root / "pages" / page
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (place / "done").exists():
                begin(place, page)
                Page(place / "work", place, cache_of(page)).do(blocks(page))
                (place / "done").touch()
        return place / "work"

    def begin(place: Path, page: str) -> None:
        shutil.rmtree(place / "work", ignore_errors=True)
        earlier = before(page)
        if earlier:
            shutil.copytree(do(earlier), place / "work")
        else:
            (place / "work").mkdir()

    def cache_of(page: str) -> Path:
        """The one with the phantom's files, where a page needs them."""
        if any("phantom/" in block.content for block in blocks(page)):
            return make_phantom_cache(tmp_path_factory)
        return root / "pages" / "cache"

    return do


class Page:
    """The folder in which a page is done."""

    def __init__(self, folder: Path, place: Path, cache: Path) -> None:
        self.folder = folder
        commands, installed = place / "bin", place / "installed"
        commands.mkdir(exist_ok=True)
        offline = f"--quiet --no-deps --no-index --no-build-isolation --target {installed}"
        for name, line in (
            ("python", '"$@"'),
            ("bench", '-m bench "$@"'),
            # `pip install FOLDER`, for this page alone and without a network.
            ("pip", f'-m pip --disable-pip-version-check install {offline} "$2"'),
        ):
            (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}\n')
            (commands / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
        self.installed = str(installed)
        self.environment = {
            **kept,
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "BENCH_CACHE": str(cache),
            "COLUMNS": "200",
        }
        self._use(ROOT)

    def _use(self, repository: Path) -> None:
        """Run `bench` of this repository, and what the page installed."""
        self.environment["PYTHONPATH"] = f"{repository}{os.pathsep}{self.installed}"

    def do(self, page: list[Block]) -> None:
        printed = ""
        for block in page:
            if block.file:
                self._write(block)
            elif block.language == "diff":
                self._change(block.content)
            elif block.language == "bash":
                printed = self._run(block.content)
            else:
                assert block.language == "text", f"what is this block for?\n{block.content}"
                for line in block.content.splitlines():
                    assert line.strip() in printed

    def _write(self, block: Block) -> None:
        path = self.folder / block.file
        if path.parts[len(self.folder.parts)] in ("bench", "methods"):
            self._check_out()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.content, encoding="utf-8")

    def _change(self, diff: str) -> None:
        self._check_out()
        command = ["git", "apply", "--recount", "-C1", "-"]
        done = subprocess.run(
            command, input=diff, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _check_out(self) -> None:
        """From here on the folder is a copy of the repository, with what it held before."""
        if not (self.folder / "bench").is_dir():
            unwanted = shutil.ignore_patterns("runs")  # compiled modules save each command seconds
            for name in ("bench", "methods", "datasets", "results"):
                shutil.copytree(
                    ROOT / name, self.folder / name, dirs_exist_ok=True, ignore=unwanted
                )
            self._use(self.folder)

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed
        return printed


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_the_page_works(page, done):
    done(page)


@pytest.mark.parametrize("page", ADDING)
def test_the_page_is_linked_from_the_readme_and_the_contributing_guide(page):
    for name in ("README.md", "CONTRIBUTING.md"):
        assert f"docs/{page}.md" in (ROOT / name).read_text(encoding="utf-8"), name
