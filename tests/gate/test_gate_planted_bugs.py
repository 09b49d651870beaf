"""Four bugs that no crash gives away, each planted in the running code: the gate sees each."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import bench.data.prepare.volumes
import methods.proxyano.objectives
from bench.gate import compare, is_regression, read_baseline, write_baseline
from bench.metrics import ranking
from fakes.gate_store import make_data, run_store

CHEAP = ("intensity", "gaussian")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def cheap_baseline(data):
    """The numbers of the code as it is."""
    rows = run_store(data, data / "sound", data / "cache", CHEAP)
    write_baseline(data / "baseline.json", None, rows, [], "as it is")
    return read_baseline(data / "baseline.json")


@pytest.fixture
def rerun(data, tmp_path):
    """Run methods as the code is now."""

    def rerun(*methods):
        # Another cache: a bug in the preparation is not in what was prepared before.
        return run_store(data, tmp_path / "runs", tmp_path / "cache", methods)

    return rerun


def moved(findings):
    return {(one.method, one.metric) for one in findings if one.verdict in ("lower", "higher")}


def test_the_code_as_it_is_gives_the_same_numbers_again(cheap_baseline, rerun):
    findings = compare(cheap_baseline, rerun(*CHEAP))
    assert {one.verdict for one in findings} == {"ok"}
    assert {one.difference for one in findings} == {0.0}


def test_ap_by_the_trapezoid(cheap_baseline, rerun, monkeypatch):
    def trapezoid(stretch):
        precision = stretch.tp / np.maximum(stretch.tp + stretch.fp, 1)
        above = np.concatenate([precision[:, 1:], np.ones_like(precision[:, :1])], axis=1)
        return (stretch.tp_gain * (precision + above) / 2).sum(axis=1) / stretch.positives[:, 0]

    monkeypatch.setattr(ranking, "AP", replace(ranking.AP, part=trapezoid))
    findings = compare(cheap_baseline, rerun(*CHEAP))
    assert is_regression(findings)
    assert {metric for _, metric in moved(findings)} == {"ap"}
    assert {method for method, _ in moved(findings)} == set(CHEAP)


def test_labels_flipped_left_to_right(cheap_baseline, rerun, monkeypatch):
    right = bench.data.prepare.volumes.place_all

    def flipped(*given):
        label, kept = right(*given)
        return label[..., ::-1], kept

    monkeypatch.setattr(bench.data.prepare.volumes, "place_all", flipped)
    findings = compare(cheap_baseline, rerun(*CHEAP))
    assert moved(findings) >= {(name, "ap") for name in CHEAP}


def test_a_preparation_that_clips(cheap_baseline, rerun, monkeypatch):
    right = bench.data.prepare.volumes._scaled
    monkeypatch.setattr(
        bench.data.prepare.volumes, "_scaled", lambda *given: np.clip(right(*given), 0, 1)
    )
    findings = compare(cheap_baseline, rerun(*CHEAP))
    assert ("intensity", "ap") in moved(findings)


def test_a_paste_that_also_alters_its_target(data, rerun, monkeypatch, tmp_path):
    rows = run_store(data, tmp_path / "sound", tmp_path / "cache", ("proxyano",))
    baseline = write_baseline(tmp_path / "baseline.json", None, rows, [], "as it is")
    right = methods.proxyano.objectives.paste

    def paste(proxies, images, *more):
        pasted = right(proxies, images, *more)
        images.copy_(torch.where(pasted != proxies, pasted, images))
        return pasted

    monkeypatch.setattr(methods.proxyano.objectives, "paste", paste)
    assert ("proxyano", "auroc") in moved(compare(baseline, rerun("proxyano")))
