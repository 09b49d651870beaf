"""Every command with arguments that a page shows is run here, or it stands here why not.

Blocks of tutorial, guides and "adding" pages are run as they stand (`test_pages.py`). The commands
of all other pages run here in one folder with a tiny data set, in the order below.
"""

import re
import shlex
import shutil
from functools import cache

import pytest
import typer

from bench.cli import app
from bench.store.store import Store
from conftest import ROOT
from fakes import tiny
from fakes.here import bench_here
from fakes.page_commands import PAGES, commands

# As shown, and the words that are run: quick methods and a tiny data set stand for the real ones.
RUN = {
    "plan --method proxyano --method ae --task mslub/t1": "plan -m gaussian --task tiny/t1",
    "run --method proxyano --method ae --task mslub/t1 --budget quick": (
        "run -m gaussian -m equalized --task tiny/t1 --budget smoke"
    ),
    "run --keep maps": "run -m gaussian -m equalized --task tiny/t1 --budget smoke --keep maps",
    "run --only failed": "run --only failed -m gaussian --task tiny/t1 --budget smoke",
    "data check NAME": "data check tiny",
    "data check mslub": "data check tiny",
    "data check ixi": "data check tiny",
    "data prepare mslub": "data prepare tiny",
    "data new mine --kind images --image 'OCT={class}/{subject}-{image}.png' "
    "--normal good --abnormal bad": None,
    "report --by lesion-size": None,
    "report --format csv": None,
    "report --format html --out report.html": None,
    "report --format latex --out table.tex": None,
    "report --rows published": None,
    "report --sensitivity": None,
    "report --stale": None,
    "compare --method A --method B": "compare --method gaussian --method equalized",
    "compare -m proxyano -m ...": "compare -m gaussian -m equalized",
    "rescore --protocol NAME": "rescore --protocol healthy@1",
    "rescore --protocol healthy@1": None,
    "predict --cell 3f9c new_T1.nii.gz --out maps": (
        "predict --cell GAUSSIAN tiny/p2/T1.nii.gz --out maps"
    ),
    "show --cell 3f9c --out cell.png": "show --cell GAUSSIAN --out cell.png",
    "verify CELL": "verify GAUSSIAN",
    "list methods": None,
    "list protocols": None,
    "new method NAME": "new method yours",
    "new method mine": None,
    "schema KIND": "schema dataset",
    "schema record": None,
    "site STORE...": "site results/runs",
    "site results/runs": None,
    "site lab-a/runs lab-b/runs --out leaderboard": (
        "site results/runs lab-b/runs --out leaderboard"
    ),
    "export mslub.tar --dataset mslub": "export tiny.tar --dataset tiny",
    "merge mslub.tar": "merge tiny.tar",
    "merge lab.tar --results lab/runs": "merge tiny.tar --results lab/runs",
    "check --results build/gate --update --reason 'larger memory'": (
        "check --results results/runs --update --reason 'larger memory'"
    ),
    "check --results build/gate": "check --results results/runs",
    "check --results build/gate --junit gate.xml --markdown gate.md": (
        "check --results results/runs --junit gate.xml --markdown gate.md"
    ),
    "cluster new lab.toml": None,
}  # fmt: skip
HOURS = "hours of training; the form of its suite is checked by tests/planning/test_request.py"
TEMPLATE = "not a whole command: the page says what to put for the dots"
NETWORK = "fetches from a publisher; tests/data/test_fetch.py has a server of its own"
NOT_RUN = {
    "run --executor slurm": "needs Slurm: `make test-slurm`",
    "run --executor ray": "needs Ray: `make test-ray`",
    "status --watch": "ends when a queue is empty: tests/executors/cluster",
    "cancel KEY": "needs a queue: `make test-slurm`",
    "data get": NETWORK,
    "suite": HOURS,
    "run --method anomalib-padim": "needs anomalib: `make test-anomalib`",
    "run --method ae --dataset phantom": "minutes; `make bench` runs the phantom",
    "run --method gaussian --method pca --task phantom": "`make bench` runs the phantom",
    "run --task phantom/oct --budget quick": "hours of training",
    "run --method proxyano": "hours of training",
    "run --method ./mine.py:Mine": "run as a block of docs/guides/my-own-method.md",
    "run --method ./NAME.py:Class": TEMPLATE,
    "run ...": TEMPLATE,
    "report --by": TEMPLATE,
    "test-method": "run as a block of docs/guides/my-own-method.md",
    "data show": "run by tests/cli/test_commands.py",
    "data register": "run by tests/data/register/test_register.py",
    "power -m proxyano": "hours of training; `power` is run by tests/cli/test_two_methods.py",
    "report --figures": "run by tests/cli/test_report_by.py",
    "multiverse --figures": "run by tests/execution/test_multiverse_cells.py",
    "predict --p-maps": "run by tests/cli/test_healthy.py",
}
RUN_ELSEWHERE = re.compile(r"docs/(tutorial|guides/.*|adding-.*)\.md")


@cache
def shown():
    """All commands with arguments, without `bench` and comments, by the pages that show them."""
    found, known = {}, names()
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        if RUN_ELSEWHERE.fullmatch(name):
            continue
        for command in commands(page.read_text(encoding="utf-8")):
            words = command.partition("#")[0].split()[1:]
            if set(words) - known:
                found.setdefault(" ".join(words), []).append(name)
    return found


def names():
    """The names of all commands: a sentence that only names one shows nothing to run."""
    groups = typer.main.get_command(app).commands
    inner = (set(getattr(one, "commands", ())) for one in groups.values())
    return set(groups).union(*inner)


def test_each_command_is_run_or_it_is_said_why_not():
    unknown = {
        command: pages
        for command, pages in shown().items()
        if command not in RUN and not any(command.startswith(one) for one in NOT_RUN)
    }
    assert not unknown


def test_nothing_here_is_left_over():
    pages = shown()
    assert [one for one in RUN if one not in pages] == []
    assert [one for one in NOT_RUN if not any(shown.startswith(one) for shown in pages)] == []
    named = re.findall(r"(?:tests|docs)/[\w/.-]+", " ".join(NOT_RUN.values()))
    assert [one for one in named if not (ROOT / one).exists()] == []


@pytest.mark.slow
def test_the_commands_work(tmp_path):
    tiny.make_volumes(tmp_path)
    tiny.write_card(tmp_path)
    key, failed, done_before = "", {}, set()
    for command, instead in RUN.items():
        if (instead or command) in done_before:
            continue
        done_before.add(instead or command)
        words = shlex.split((instead or command).replace("GAUSSIAN", key))
        done = bench_here(tmp_path, *words, BENCH_DATA=str(tmp_path))
        if done.returncode != 0:
            failed[command] = done.stderr
        if words[0] == "run" and not key:
            records, _ = Store(tmp_path / "results" / "runs").read_all()
            key = next(one.key for one in records if one.method == "gaussian")
            shutil.copytree(tmp_path / "results" / "runs", tmp_path / "lab-b" / "runs")
    assert not failed
