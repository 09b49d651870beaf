"""Finds cards and classes: built-in ones, those of installed packages, and a user's file."""

from bench.registry.lookup import (
    all_tasks,
    broken_datasets,
    budget,
    dataset,
    default_config,
    known_budget,
    load_budgets,
    load_class,
    load_datasets,
    load_methods,
    load_protocols,
    load_rows,
    method,
    protocol,
    resolve_config,
)

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
