"""Messages in plain English, names looked for in all parts, pictures of the kind asked for."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.cli import app
from bench.data.show import montage
from bench.errors import UnknownName, UsageError, allowed
from bench.registry import method
from fakes import tiny
from fakes.here import bench_here


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "suitess"], "'suitess' is not one of 'methods'"),
        (["run", "--seeds", "x"], "must be a whole number"),
        (["run", "--jobs", "x"], "must be a whole number"),
        (["run", "--time-limit", "x"], "must be a number"),
        (["report", "--format", "pdf"], "'pdf' is not one of 'markdown'"),
        (["data", "new", "x", "--kind", "videos"], "'videos' is not one of 'volumes'"),
    ],
)
def test_wrong_options_are_named_in_plain_words(arguments, words):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert words in said
    assert "Value error" not in said
    assert "Input should" not in said


@pytest.mark.parametrize("name", ["ms-t1", "phantom/ms-t11"])
def test_a_name_is_looked_for_in_all_parts(name):
    known = ["mslub/t1", "mslub/t2", "phantom/ms-t1", "phantom/glioma-t2", "folder/lesion"]
    assert "did you mean 'phantom/ms-t1'?" in allowed(name, known)


def test_a_file_is_not_compared_with_methods(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        method("./ae.py")
    assert str(caught.value).endswith("ae.py does not exist")
    (tmp_path / "aee.py").write_text("")
    with pytest.raises(UsageError, match=r"did you mean 'aee\.py'"):
        method("./ae.py")
    with pytest.raises(UnknownName, match="did you mean 'ae'"):
        method("aee")


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    run = ("run", "--method", "intensity", "--budget", "smoke", "--task", "tiny/t1")
    done = bench_here(folder, *run, "--data-dir", "data", BENCH_CACHE=str(session_cache))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("suffix", "form"), [("jpg", "JPEG"), ("png", "PNG")])
def test_pictures_are_of_the_kind_that_their_suffix_says(place, session_cache, suffix, form):
    name = f"x.{suffix}"
    done = bench_here(place, "show", "--cell", "tiny/t1:intensity", "--out", name)
    assert done.returncode == 0, done.stderr
    with Image.open(place / name) as picture:
        assert picture.format == form


def test_another_suffix_is_refused(place):
    done = bench_here(place, "show", "--cell", "tiny/t1:intensity", "--out", "x.bmp")
    assert done.returncode == 2
    assert "x.bmp must end in one of .png, .jpg, .jpeg, .pdf" in done.stderr
    with pytest.raises(UsageError, match="must end in one of"):
        montage([], preparation=None, title="x", cache=place, out=place / "x.bmp")


def test_plan_reads_suites(place, session_cache):
    (place / "mine.toml").write_text(
        'title = "mine"\n[[run]]\nmethod = ["intensity"]\ntask = ["tiny/t1"]\nbudget = "smoke"\n'
        "yardsticks = false\n"
    )
    options = ("--data-dir", "data")
    environment = {"BENCH_CACHE": str(session_cache)}
    done = bench_here(place, "plan", "--suite", "mine.toml", *options, **environment)
    assert "1 cell: 1 done; 0 to run, 0 fits to train" in done.stdout, done.stderr
    done = bench_here(place, "plan", "--suite", "mine.toml", "--method", "ae", *options)
    assert (done.returncode, "leave out --method" in done.stderr) == (2, True)
