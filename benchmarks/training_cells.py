"""Threads of a cell against cells at once, on so many processors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from training_steps import WARM_UP, Bare, caught, pin, prepare, usable


def layouts(processors: int) -> list[tuple[int, int]]:
    """Cells and threads of each that fill so many processors: 8 by 1, 4 by 2, 2 by 4, 1 by 8."""
    return [
        (processors // threads, threads)
        for threads in range(1, processors + 1)
        if processors % threads == 0
    ]


def measure_cells(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Images per second of all cells together, one row per method, size and layout.

    Cells are processes that were started before, each bound to its own processors; the better of
    some turns of so many seconds counts.

    Yields:
        Rows; one that is left out, since it is too late, has ``left out`` only.
    """
    there = usable()
    counts = [one for one in sorted(task["processors"], reverse=True) if one <= len(there)]
    for one in task["processors"]:
        if one not in counts:
            yield {"left out": f"{one} processors: this process may use {len(there)}"}
    cells = [_started() for _ in range(max(counts, default=0))]
    try:
        for size, method, count in product(task["sizes"], task["methods"], counts):
            case = {"method": method, "size": size, "processors": count}
            if time.time() > task["deadline"]:
                yield {"left out": f"too late for {method}, {size} px, {count} processors"}
                continue
            yield from _layouts(case, cells, there[:count], task)
    finally:
        for cell in cells:
            cell.kill()
            cell.wait()


def _layouts(
    case: dict[str, Any],
    cells: Sequence[subprocess.Popen[str]],
    processors: list[int],
    task: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    first = None
    for number, threads in layouts(len(processors)):
        chosen = cells[:number]
        for at, cell in enumerate(chosen):
            own = processors[at * threads : (at + 1) * threads]
            _say(cell, {**case, "processors": own, "seconds": task["seconds"]})
        for cell in chosen:
            _heard(cell)
        rates = []
        for _ in range(task["turns"]):
            for cell in chosen:
                _say(cell, "go")
            answers = [_heard(cell) for cell in chosen]
            rates.append(sum(one["images/s"] for one in answers))
        for cell in chosen:
            _say(cell, "done")
        rate = max(rates)
        first = first or rate  # the first layout has one thread for each cell
        yield {
            **case,
            "cells": number,
            "threads": threads,
            "images/s": rate,
            "times cells of one thread": rate / first,
            # Threads that are not there would read 1 here, whatever was asked for.
            "processors busy": sum(one["busy"] for one in answers),
        }


def _started() -> subprocess.Popen[str]:
    # As workers of `bench` start: each sets its number of threads later.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    words = [sys.executable, "-W", "ignore", str(Path(__file__).resolve())]
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment)


def _say(cell: subprocess.Popen[str], what: object) -> None:
    assert cell.stdin is not None
    cell.stdin.write(json.dumps(what) + "\n")
    cell.stdin.flush()


def _heard(cell: subprocess.Popen[str]) -> dict[str, float]:
    assert cell.stdout is not None
    line = cell.stdout.readline()
    if not line:
        raise RuntimeError("a cell ended before it answered")
    found: dict[str, float] = json.loads(line)
    return found


def answer() -> None:
    """Be a cell: measure what standard input says, until it is closed."""
    prepare("cpu", 1)
    ready: dict[tuple[str, int], Bare] = {}
    for line in iter(sys.stdin.readline, ""):
        case = json.loads(line)
        key = (case["method"], case["size"])
        if key not in ready:
            pin(case["processors"])
            prepare("cpu", 1)
            ready = {key: caught(*key, Bare, "cpu")[0]}  # the last one only: memory stays bounded
        bare = ready[key]
        pin(case["processors"])
        prepare("cpu", len(case["processors"]))
        bare.steps(WARM_UP)
        print("{}", flush=True)
        while json.loads(sys.stdin.readline()) == "go":
            print(json.dumps(_rate(bare, case["seconds"])), flush=True)


def _rate(bare: Bare, seconds: float) -> dict[str, float]:
    count, start, processor = 0, time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - start) < seconds:
        bare.steps(1)
        count += bare.images
    took = time.perf_counter() - start
    return {"images/s": count / took, "busy": (time.process_time() - processor) / took}


if __name__ == "__main__":
    answer()
