"""Four bugs that no crash gives away, each planted in the running code: the gate sees each."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import bench.data.prepare
import bench.protocol.apply
import methods.proxyano.objectives
from bench.gate import compare, is_regression, read_baseline, write_baseline
from bench.metrics.counts import Measure
from gate_store import make_data, run_store

LEARNS_NOTHING_NEW = ("intensity", "gaussian")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The data, and the baseline of the code as it is."""
    folder = make_data(tmp_path_factory.mktemp("gate"))
    everything = (*LEARNS_NOTHING_NEW, "proxyano")
    rows = run_store(folder, folder / "sound", folder / "cache", everything)
    write_baseline(folder / "baseline.json", None, rows, [], "as it is")
    return folder


@pytest.fixture
def find(sound, tmp_path):
    """Run methods as the code is now, and compare with the baseline."""

    def find(*methods):
        # Another cache: a bug in the preparation is not in what was prepared before.
        rows = run_store(sound, tmp_path / "runs", tmp_path / "cache", methods)
        baseline = read_baseline(sound / "baseline.json")
        of_these = [row for row in baseline.rows if row.method in methods]
        return compare(baseline.model_copy(update={"rows": of_these}), rows)

    return find


def moved(findings):
    return {(one.method, one.metric) for one in findings if one.verdict in ("lower", "higher")}


def test_the_code_as_it_is_gives_the_same_numbers_again(find):
    findings = find(*LEARNS_NOTHING_NEW)
    assert {one.verdict for one in findings} == {"ok"}
    assert {one.difference for one in findings} == {0.0}


def test_ap_by_the_trapezoid(find, monkeypatch):
    def trapezoid(stretch):
        precision = stretch.found / np.maximum(stretch.found + stretch.reached, 1)
        above = np.concatenate([precision[:, 1:], np.ones_like(precision[:, :1])], axis=1)
        return (stretch.hits * (precision + above) / 2).sum(axis=1) / stretch.positives[:, 0]

    plain = bench.protocol.apply._PLAIN
    monkeypatch.setitem(plain, "ap", replace(plain["ap"], part=trapezoid))
    findings = find(*LEARNS_NOTHING_NEW)
    for o in findings: print(o.protocol,o.metric,o.before,o.now,o.allowed,o.verdict)
    assert is_regression(findings)
    assert {metric for _, metric in moved(findings)} == {"ap"}
    assert {method for method, _ in moved(findings)} == set(LEARNS_NOTHING_NEW)


def test_labels_flipped_left_to_right(find, monkeypatch):
    right = bench.data.prepare.nearest
    monkeypatch.setattr(bench.data.prepare, "nearest", lambda *given: right(*given)[..., ::-1])
    findings = find(*LEARNS_NOTHING_NEW)
    assert moved(findings) >= {(name, "ap") for name in LEARNS_NOTHING_NEW}


def test_a_preparation_that_clips(find, monkeypatch):
    right = bench.data.prepare._scaled
    monkeypatch.setattr(bench.data.prepare, "_scaled", lambda *given: np.clip(right(*given), 0, 1))
    findings = find(*LEARNS_NOTHING_NEW)
    assert ("intensity", "ap") in moved(findings)


def test_a_paste_that_also_alters_its_target(find, monkeypatch):
    right = methods.proxyano.objectives.paste

    def paste(proxies, images, *more):
        before = proxies.clone()
        pasted = right(proxies, images, *more)
        images.copy_(torch.where(pasted != before, pasted, images))
        return pasted

    monkeypatch.setattr(methods.proxyano.objectives, "paste", paste)
    findings = find("proxyano")
    for o in findings: print(o.protocol,o.metric,o.before,o.now,o.allowed,o.verdict)
    assert is_regression(findings)


def test_the_planted_measure_is_a_measure():
    assert isinstance(bench.protocol.apply._PLAIN["ap"], Measure)
