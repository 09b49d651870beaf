"""A published row is refused where no run could ever fill it."""

import pytest

from bench import registry
from bench.errors import CardError

ROW = """
name = "my-row"
order = 10
title = "Balls"
metric = "ap"
tasks = ["balls/t2"]
stand_ins = { "balls/t2" = ["balls2021/t2"] }
protocol = "pixel-pooled@1"
source = "a paper"
known = "k"
unknown = "u"
[[values]]
method = "FarNet"
value = 12.3
ours = "far"
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the row's card with one thing changed, and makes the registry look again."""
    folder = tmp_path / "results" / "published"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def write(old="", new=""):
        assert old in ROW
        (folder / "my-row.toml").write_text(ROW.replace(old, new))
        registry.load_rows.cache_clear()

    yield write
    registry.load_rows.cache_clear()


def test_a_row_in_the_working_directory_is_found_beside_the_shipped_ones(written):
    written()
    names = [row.name for row in registry.load_rows()]
    assert names[-1] == "my-row"
    assert "mslub-t1" in names


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "pixel-pooled@1",
            "pixel-poold@1",
            r"my-row\.toml: unknown protocol 'pixel-poold@1'; did you mean 'pixel-pooled@1'\?",
        ),
        ("pixel-pooled@1", "pixel-pooled", r"unknown protocol 'pixel-pooled'; did you mean"),
        (
            '"ap"',
            '"froc"',
            r"protocol pixel-pooled@1 does not compute 'froc'; .*allowed: auroc, ap$",
        ),
        (
            '{ "balls/t2"',
            '{ "ball/t2"',
            r"stand_ins has 'ball/t2', which is not among tasks \(balls/t2\)",
        ),
    ],
)
def test_what_no_run_would_fill_is_refused_by_its_name(written, old, new, said):
    written(old, new)
    with pytest.raises(CardError, match=said):
        registry.load_rows()
