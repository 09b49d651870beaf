"""Runs the notebooks and writes them, with what they show, as pages of the site (``make site``).

It runs in the environment of the site; `PYTHONPATH` adds `bench` and what that needs. An error in a
cell is an error here, so this is also the notebooks' test.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "site" / "pages" / "docs" / "notebooks"


def main() -> None:
    """Run each notebook in an empty folder of its own."""
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}})
            client.execute()
        text, found = MarkdownExporter().from_notebook_node(
            notebook, resources={"output_files_dir": f"{path.stem}_files"}
        )
        PAGES.mkdir(parents=True, exist_ok=True)
        (PAGES / f"{path.stem}.md").write_text(text.replace(".ipynb)", ".md)"), encoding="utf-8")
        for name, content in found["outputs"].items():
            (PAGES / name).parent.mkdir(exist_ok=True)
            (PAGES / name).write_bytes(content)


if __name__ == "__main__":
    main()
