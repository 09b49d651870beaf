"""A clock that stands still until it is told, and cells with no more than a display asks for."""

from types import SimpleNamespace

from bench.executors import Event


class Clock:
    """Seconds, set by the test."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def cell(method="ae", task="phantom/ms-t2", seed=0, fit=None):
    """A cell to show; cells of one `fit` share it."""
    key = f"{method}-{task}-{seed}"
    return SimpleNamespace(
        task=task,
        key=key,
        label=f"{method} on {task}, seed {seed}",
        fit=SimpleNamespace(method=SimpleNamespace(name=method), key=fit or key, seed=seed),
    )


def step(one, phase, done, total):
    """A cell that is at a step."""
    return Event("progress", one, phase=phase, done=done, total=total)


def ended(one, status="done", reason="", **values):
    """The end of a cell."""
    return Event("end", one, status=status, reason=reason, values=values)
