import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info
from torch.utils import deterministic

from bench.errors import UsageError
from bench.execution.seeding import prepare_environment, resolve_device, seed_everything


@pytest.fixture(autouse=True)
def _restore():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    deterministic.fill_uninitialized_memory = True


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_every_generator_is_seeded():
    seed_everything(3, threads=1, device="cpu")
    first = draws()
    seed_everything(3, threads=1, device="cpu")
    assert draws() == first
    seed_everything(4, threads=1, device="cpu")
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_threads_are_fixed_and_operations_deterministic():
    seed_everything(0, threads=1, device="cpu")
    assert torch.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert torch.are_deterministic_algorithms_enabled()
    assert not deterministic.fill_uninitialized_memory


def test_on_a_cpu_no_gpu_is_seen_and_else_only_the_one_given(monkeypatch):
    monkeypatch.setattr(os, "environ", {"CUDA_VISIBLE_DEVICES": "0,1,2"})
    prepare_environment("cuda", None)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,2"
    prepare_environment("auto", "2")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    prepare_environment("cpu", "2")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_device_that_is_not_there_is_refused_and_auto_never_is():
    assert resolve_device("auto") in ("cpu", "cuda", "mps")
    assert resolve_device("cpu") == "cpu"
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="'mps' is not available here; available:"):
            resolve_device("mps")


def test_a_worker_with_two_threads_asked_for_has_two():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '1'\n"
        "import torch; from bench.execution.seeding import seed_everything\n"
        "seed_everything(0, threads=2, device='cpu'); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"
