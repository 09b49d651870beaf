"""The CI files of a public host: they parse, call make targets that exist, and the action works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, skip_or_fail
from fakes.records import record, store

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(path):
    try:
        import yaml
    except ImportError:
        skip_or_fail("pyyaml is not installed")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_make_targets_that_exist(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = [step["run"] for step in steps(workflow) if "run" in step]
    called = {name for script in scripts for name in re.findall(r"\bmake ([a-z-]+)", script)}
    assert called
    assert called <= targets
    assert all("timeout-minutes" in job for job in workflow["jobs"].values() if "needs" not in job)


def test_lint_tests_gate_nightly_and_release_are_there():
    called = {
        path.stem: {step["run"] for step in steps(load(path)) if "run" in step}
        for path in WORKFLOWS
    }
    assert {"make lint", "make test", "make gate"} <= called["ci"]
    assert "make nightly" in called["nightly"]
    assert {"make test", "make gate", "make dist"} <= called["release"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            0,
            "test-method --device cuda ae\ntest-method --device cuda dae\n"
            "suite lineup --device cuda --results build/gpu/runs\n",
        ),
        (1, "torch finds no GPU here, so nothing was run; "),
    ],
)
def test_make_gpu_checks_methods_and_runs_the_lineup_or_says_that_there_is_no_gpu(
    tmp_path, code, said
):
    python = f'case "$2" in *registry*) echo ae dae;; *) exit {code};; esac'
    for name, text in (("python", python), ("bench", 'echo "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    words = ["make", "--silent", "--old-file=install", "gpu", f"BIN={tmp_path}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(said)


@pytest.mark.parametrize(("value", "code"), [(0.5, 0), (0.1, 1)])
def test_the_action_checks_a_store(tmp_path, value, code):
    """Its last step as a runner would do it, with the inputs' defaults."""
    action = load(ROOT / "action.yml")
    bench = [sys.executable, "-m", "bench", "check"]
    seeds = [record(value=0.5, seed=seed) for seed in range(3)]
    store(tmp_path / "results" / "runs", *seeds)
    subprocess.run([*bench, "--update"], cwd=tmp_path, check=True)
    store(tmp_path / "results" / "runs", *(record(value=value, seed=seed) for seed in range(3)))

    step = next(one for one in action["runs"]["steps"] if one.get("id") == "check")
    inputs = {name: one["default"] for name, one in action["inputs"].items()}
    environment = {
        name: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: inputs[found[1]], text)
        for name, text in step["env"].items()
    }
    assert "${{" not in step["run"], "inputs go through the environment, never into the script"
    runner = {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "RUNNER_TEMP": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, **environment, **runner},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Regression gate" in (tmp_path / "summary.md").read_text()
    junit = (tmp_path / "output").read_text().split("=", 1)[1].strip()
    assert Path(junit).read_text().count("<failure") == (4 if code else 0)


def test_the_shipped_suite_of_the_gate_gives_every_line_its_seeds():
    from bench.planning.suite import find_suite, read_suite

    suite, requests = read_suite(find_suite("gate"))
    assert all(run.seeds == 3 and run.budget == "smoke" for run in suite.run)
    assert len(requests) == len(suite.run)


def test_the_hooks_before_a_commit_do_what_make_lint_does():
    """And they run from here: no hook of another host."""
    (repo,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    assert all(hook["language"] == "system" for hook in repo["hooks"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lint: install\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    lint = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    assert [hook["entry"] for hook in repo["hooks"]] == lint
