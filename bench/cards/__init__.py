"""Typed models of the TOML cards: datasets, methods, protocols, budgets and published rows.

A card says what something is; no card runs anything. Unknown keys are refused with the nearest
allowed one.
"""

from bench.cards.base import Card, MetricName, Name, parse_card, read_card
from bench.cards.datasets import (
    AnyPreparation,
    DatasetCard,
    Download,
    ImagePreparation,
    Preparation,
)
from bench.cards.layouts import Layout, TableLayout
from bench.cards.methods import DEFAULT_BUDGET, Budget, MethodCard
from bench.cards.protocols import ProtocolCard
from bench.cards.published import PublishedRow, PublishedValue
from bench.cards.registration import Registration
from bench.cards.splits import Bucket, Part, Split, shared_subjects
from bench.cards.subject_table import SubjectTable
from bench.cards.tasks import Headline, Task, dataset_part

__all__ = [
    "DEFAULT_BUDGET",
    "AnyPreparation",
    "Bucket",
    "Budget",
    "Card",
    "DatasetCard",
    "Download",
    "Headline",
    "ImagePreparation",
    "Layout",
    "MethodCard",
    "MetricName",
    "Name",
    "Part",
    "Preparation",
    "ProtocolCard",
    "PublishedRow",
    "PublishedValue",
    "Registration",
    "Split",
    "SubjectTable",
    "TableLayout",
    "Task",
    "dataset_part",
    "parse_card",
    "read_card",
    "shared_subjects",
]
