"""Take a dataset's folders from its public mirror, a git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from bench.cards import DatasetCard
from bench.errors import DataError

_COMMIT = ".mirror-commit"


def fetch_mirror(card: DatasetCard, data_dir: Path | None) -> Path:
    """Fetch the folders that the card names from its mirror.

    git checks every object by its hash on the way; the commit is written beside the files.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset.

    Returns:
        The dataset's folder.

    Raises:
        DataError: the card names no mirror, the folder already exists, git is not installed or
            fails, or the mirror lacks the folders.
    """
    if card.mirror is None:
        raise DataError(
            f"the card of {card.name!r} names no public mirror", hint=f"bench data get {card.name}"
        )
    if data_dir is None:
        raise DataError(
            f"nowhere to put dataset {card.name!r}",
            hint=f"say --data-dir DIR or set BENCH_DATA; the files go into DIR/{card.name}",
        )
    root = data_dir / card.name
    folders = card.mirror.folders
    for one in folders:
        if (root / one).exists():
            raise DataError(f"{root / one} already exists", hint="move it away and fetch again")
    if shutil.which("git") is None:
        raise DataError("git is not installed", hint=f"install git, or: {card.obtain}")
    partial = data_dir / f".partial-{uuid.uuid4().hex}"
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        # Only the folders that are wanted, where the server can do that.
        _git("clone", "--filter=blob:none", "--no-checkout", "--", card.mirror.url, str(partial))
        _git("-C", str(partial), "sparse-checkout", "set", "--", *folders)
        _git("-C", str(partial), "checkout", "--quiet")
        commit = _git("-C", str(partial), "rev-parse", "HEAD")
        for one in folders:
            if not (partial / one).is_dir():
                raise DataError(
                    f"the mirror {card.mirror.url} has no folder {one} at commit {commit}",
                    hint=card.obtain,
                )
        for one in folders:
            (root / one).parent.mkdir(parents=True, exist_ok=True)
            (partial / one).rename(root / one)
        (root / _COMMIT).write_text(f"{card.mirror.url} {commit}\n", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write {root}: {error.strerror or error}", hint="free space, or say --data-dir"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def _git(*arguments: str) -> str:
    """Run git, which may speak HTTP alone, makes no links, and asks for no password."""
    environment = os.environ | {
        "GIT_ALLOW_PROTOCOL": "https:http", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1",
    }  # fmt: skip
    settings = ("core.symlinks=false", "http.followRedirects=initial", "core.hooksPath=/dev/null")
    done = subprocess.run(
        ["git", *(word for one in settings for word in ("-c", one)), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DataError(f"git cannot fetch the mirror: {last[0]}", hint="try again later")
    return done.stdout.strip()
