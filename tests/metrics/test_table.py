"""The table of metrics: every entry can be computed, and says of itself what is true."""

import subprocess
import sys

import numpy as np
import pytest

from bench import metrics
from bench.metrics.counts import Measure, RankingCounts
from bench.metrics.regions import region_weights
from bench.metrics.table import METRICS, Metric, sign_of, title_of

PUBLIC = {
    "ap": metrics.average_precision,
    "auroc": metrics.auroc,
    "fpr_at_tpr": metrics.fpr_at_tpr,
    "oracle_dice": metrics.best_dice,
    "aupro": metrics.aupro,
    "aupro5": lambda labels, maps: metrics.aupro(labels, maps, limit=0.05),
}


def value(one, labels, maps):
    """An entry's value as a protocol computes it, of one stack."""
    weights = {"a": region_weights(labels, 2)} if one.counts == "regions" else None
    counts = RankingCounts({"a": maps[labels]}, weights=weights)
    counts.add("a", labels, maps)
    return counts.value(one.load())


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    labels = np.zeros((4, 60, 60), bool)
    labels[1, 10:20, 10:20] = labels[2, 40:44, 5:15] = True
    return labels, generator.standard_normal(labels.shape).astype(np.float32)


def test_keys_are_names():
    assert all(name == one.name for name, one in METRICS.items())


@pytest.mark.parametrize("one", METRICS.values(), ids=list(METRICS))
def test_every_entry_names_a_function_of_its_kind(one):
    assert isinstance(one.load(), Measure) == (one.counts in ("cases", "regions"))
    assert isinstance(one.load(), tuple) == (one.counts == "candidates")
    assert (one.threshold is not None) == (one.counts in ("lesions", "pixels"))
    assert ("oracle" in one.name) >= (one.threshold == "oracle")


@pytest.mark.parametrize("name", PUBLIC)
def test_an_entry_gives_what_the_public_function_gives(name, images):
    labels, maps = images
    assert value(METRICS[name], labels, maps + labels) == PUBLIC[name](labels, maps + labels)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_better_map_is_the_better_one_by_sign(name, images):
    labels, maps = images
    good, bad = (value(METRICS[name], labels, maps + labels * shift) for shift in (9, -9))
    assert sign_of(name) * good > sign_of(name) * bad


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if one.chance is not None])
def test_a_random_map_is_at_the_chance_level(name, images):
    labels, _ = images
    generator = np.random.default_rng(1)
    drawn = [value(METRICS[name], labels, generator.random(labels.shape)) for _ in range(60)]
    chance = METRICS[name].chance_at(labels.mean())
    assert np.mean(drawn) == pytest.approx(chance, abs=0.012)


def test_a_metric_that_this_version_does_not_know_has_words_and_a_direction():
    assert (title_of("new_metric"), sign_of("new_metric")) == ("new metric", 1)
    assert (title_of("fpr_at_tpr"), sign_of("fpr_at_tpr")) == ("FPR at 95 % TPR", -1)


def test_what_a_metric_needs():
    needing = {name for name, one in METRICS.items() if one.needs_validation}
    assert needing >= {
        "dice_at_fpr1",
        "dice_at_fpr5",
        "achieved_fpr1",
        "achieved_fpr5",
        "lesion_f1",
    }
    on_cases = ("ap", "auroc", "fpr_at_tpr", "oracle_dice")
    assert not needing & {*on_cases, "aupro", "oracle_lesion_f1", "froc", "sensitivity_at_1fp"}
    on_regions = {name for name, one in METRICS.items() if one.needs_regions}
    assert not on_regions & {*on_cases}
    assert on_regions >= needing | {"aupro", "aupro5", "oracle_lesion_f1", "froc"}
    assert Metric("x", "X", "m:f", chance=None).chance_at(0.3) is None


def test_the_table_brings_no_numpy():
    code = "import sys, bench.metrics.table; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
