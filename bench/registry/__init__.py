"""Finds cards and classes: built-in ones, those of installed packages, and a user's file."""

from bench.registry.all_cards import (
    broken_datasets,
    load_budgets,
    load_datasets,
    load_methods,
    load_protocols,
    load_rows,
)
from bench.registry.classes import load_class
from bench.registry.configs import default_config, resolve_config
from bench.registry.lookup import all_tasks, budget, dataset, known_budget, method, protocol

__all__ = [
    "all_tasks",
    "broken_datasets",
    "budget",
    "dataset",
    "default_config",
    "known_budget",
    "load_budgets",
    "load_class",
    "load_datasets",
    "load_methods",
    "load_protocols",
    "load_rows",
    "method",
    "protocol",
    "resolve_config",
]
