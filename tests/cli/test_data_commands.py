"""The commands on data, as a user types them."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fakes import tiny
from fakes.here import bench_here

OWN = ("--kind", "images", "--image", "OCT={class}/{subject}-{image}.png", "--subject", r"\d+",
       "--normal", "good", "--abnormal", "bad")  # fmt: skip


@pytest.fixture
def place(tmp_path):
    """Twelve patients of the user's own, good and bad."""
    for subject in range(100, 112):
        for kind in ("good", "bad"):
            path = tmp_path / f"data/mine/{kind}/{subject}-1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([subject, kind == "bad"])
            image = rng.integers(0, 150, (32, 32), dtype=np.uint8)
            image[8:14, 8:14] += 80 * (kind == "bad")
            Image.fromarray(image).save(path)
    return tmp_path


def test_from_own_images_to_a_table(place):
    made = bench_here(place, "data", "new", "mine", *OWN, "--title", "My scans")
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == "datasets/mine.toml"
    assert "bench data check mine" in made.stderr
    environment = {"BENCH_DATA": "data", "BENCH_CACHE": "cache"}
    check = bench_here(place, "data", "check", "mine", **environment)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "12 subjects with 24 images" in check.stdout
    prepared = bench_here(place, "data", "prepare", "mine", "-b", "smoke", **environment)
    assert prepared.returncode == 0, prepared.stderr
    assert "prepared for mine/lesion" in prepared.stdout
    count = len(list((place / "cache/prepared").iterdir()))
    assert count > 5
    run = bench_here(
        place, "run", "-m", "intensity", "-d", "mine", "-b", "smoke", "-j", "1", **environment
    )
    assert run.returncode == 0, run.stderr
    assert "My scans" in run.stdout
    assert len(list((place / "cache/prepared").iterdir())) == count
    shown = bench_here(place, "data", "show", "mine", "-o", "a.png", **environment)
    assert shown.returncode == 0, shown.stderr
    assert (place / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_new_card_is_refused_where_it_cannot_be(place):
    for arguments, said in [
        (("ixi", *OWN), "'ixi' already exists"),
        (("x",), "--kind is missing"),
        (("x", "--kind", "images"), "--image is missing"),
        (("x", "--kind", "images", "--image", "OCT"), "MODALITY=PATTERN"),
        (("x", "--kind", "volumes", "--image", "T1={class}.nii"), "--normal is missing"),
        (("x", "--kind", "images", "--image", "A={image}.png", "--label", "{subjekt}.png"),
         "not {subjekt}"),
        (("x", *OWN, "--train-on", "ixii"), "did you mean 'ixi'"),
        (("X y", *OWN), "name"),
    ]:  # fmt: skip
        done = bench_here(place, "data", "new", *arguments)
        assert done.returncode == 2, (arguments, done.stdout)
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (place / "datasets").exists()


def test_asking_in_a_terminal(place):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "bench", "data", "new", "asked"]
    with subprocess.Popen(command, cwd=place, stdin=follower, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as asked:  # fmt: skip
        os.close(follower)
        os.write(leader, b"images\nOCT={class}/{image}.png\n\ngood\nbad\n")
        output, _ = asked.communicate(timeout=60)
    os.close(leader)
    assert asked.returncode == 0, output
    card = (place / "datasets/asked.toml").read_text()
    assert 'normal = ["good"]' in card
    assert 'id = "{class}-{image}"' in card


def test_a_check_that_finds_errors(place):
    bench_here(place, "data", "new", "mine", *OWN)
    path = place / "data/mine/good/100-1.png"
    path.write_bytes(path.read_bytes()[:300])
    done = bench_here(place, "data", "check", "mine", "--data-dir", "data")
    assert done.returncode == 1
    assert [one in done.stdout for one in ("severity", "remedy", "truncated", "fetch")] == [
        True
    ] * 4
    rows = bench_here(place, "data", "check", "mine", "--data-dir", "data", "--json")
    assert rows.returncode == 1
    (error,) = [one for one in json.loads(rows.stdout) if one["severity"] == "error"]
    assert error["where"].endswith("100-1.png")
    prepared = bench_here(place, "data", "prepare", "mine", "--data-dir", "data", "-b", "smoke",
                          BENCH_CACHE="cache")  # fmt: skip
    assert prepared.returncode == 1
    assert "100-1.png" in prepared.stderr


def test_absent_subjects_only_warn(tmp_path):
    tiny.write_card(tmp_path)
    tiny.make_volumes(tmp_path / "data")
    for path in (tmp_path / "data/tiny/p4").iterdir():
        path.unlink()
    done = bench_here(tmp_path, "data", "check", "tiny", "--data-dir", "data")
    assert "1 of 4 subjects is absent: p4" in done.stdout
    assert done.returncode == 0


def test_getting(place):
    done = bench_here(place, "data", "get", "brats-gli", "--data-dir", "data")
    assert done.returncode == 2
    assert "Register at Synapse" in done.stderr
    done = bench_here(place, "data", "get", "phantom")
    assert done.returncode == 0
    assert "embedded" in done.stdout


def test_a_licence_is_shown_before_anything_is_fetched(place):
    done = bench_here(place, "data", "get", "octmnist", "--data-dir", "data")
    assert done.returncode == 2
    assert "licence CC BY 4.0" in done.stderr
    assert "add --accept-licence" in done.stderr
    assert not (place / "data/octmnist").exists()


def test_preparing_for_who_learns_from_it(place):
    done = bench_here(place, "data", "prepare", "ixi", "--data-dir", "data")
    assert done.returncode == 2
    assert "no folder" in done.stderr


def test_the_cache_is_shown_and_cleared(place):
    bench_here(place, "data", "new", "mine", *OWN)
    environment = {"BENCH_DATA": "data", "BENCH_CACHE": "cache"}
    bench_here(place, "data", "prepare", "mine", "-b", "smoke", **environment)
    info = bench_here(place, "cache", "info", BENCH_CACHE="cache", BENCH_CACHE_GB="2")
    assert info.returncode == 0, info.stderr
    assert "of 2 GB" in info.stdout
    rows = json.loads(bench_here(place, "cache", "info", "--json", **environment).stdout)
    kinds = {one["kind"]: one for one in rows["kinds"]}
    assert kinds["prepared"]["entries"] > 5
    assert kinds["prepared"]["bytes"] > 0
    one = bench_here(place, "cache", "clear", "--kind", "prepared", **environment)
    assert one.stdout.startswith("freed ")
    assert not list((place / "cache/prepared").iterdir())
    assert (place / "cache/fingerprints").is_dir()
    assert bench_here(place, "cache", "clear", **environment).returncode == 0
    assert not (place / "cache/fingerprints").exists()
    wrong = bench_here(place, "cache", "info", BENCH_CACHE="cache", BENCH_CACHE_GB="lots")
    assert wrong.returncode == 2
    assert "BENCH_CACHE_GB='lots'" in wrong.stderr


def test_a_new_card_says_what_a_missing_label_means(tmp_path):
    options = ("--kind", "volumes", "--image", "T1={subject}_t1.nii.gz", "--unlabelled", "healthy")
    refused = bench_here(tmp_path, "data", "new", "mine", *options)
    assert refused.returncode == 2
    assert "unlabelled needs a pattern `label`" in refused.stderr
    made = bench_here(tmp_path, "data", "new", "mine", *options, "--label", "{subject}_seg.nii.gz")
    assert made.returncode == 0, made.stderr
    assert 'unlabelled = "healthy"' in (tmp_path / "datasets/mine.toml").read_text()
