"""The one place that seeds everything, before anything is built."""

from __future__ import annotations

import os
import random


def prepare_environment(device: str, gpu: str | None) -> None:
    """Set what must be in the environment before the first use of a GPU.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; on a CPU the GPUs are hidden.
        gpu: name of the only GPU this process may see; None leaves them as they are.
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    # cuBLAS is deterministic only with a fixed workspace (PyTorch notes on reproducibility).
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def seed_everything(seed: int, *, threads: int, device: str) -> None:
    """Seed Python, NumPy and torch and fix the number of CPU threads of all of them.

    Sums depend on how threads split them, so the number of threads is as much a part of
    reproducibility as the seed.

    Args:
        seed: 0 to 2**32 - 1.
        threads: CPU threads of this process.
        device: on a CPU an operation without a deterministic form is an error, on a GPU a
            warning, since some have none there.
    """
    import numpy as np
    import torch
    from threadpoolctl import threadpool_limits
    from torch.utils import deterministic

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    threadpool_limits(threads)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=device != "cpu")
    # Filling new memory costs time in every operation and changes nothing that a valid program
    # computes (PyTorch notes on `torch.utils.deterministic`). `bench test-method` fills it.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def resolve_device(wanted: str) -> str:
    """Turn ``auto`` into what this machine has; refuse what it lacks.

    Raises:
        UsageError: the device was asked for by name and is not there.
    """
    if wanted == "cpu":
        return wanted  # torch need not be imported to know

    import torch

    from bench.errors import UsageError

    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    if wanted == "auto":
        return there[0]
    if wanted not in there:
        raise UsageError(
            f"device {wanted!r} is not available here; available: {', '.join(there)}",
            hint="--device auto",
        )
    return wanted
