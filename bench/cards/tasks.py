"""Tasks: test images, training source and headline, and the rules that follow from a task's card.

A card may leave out what is usual. What it then means is said here and nowhere else.
"""

from __future__ import annotations

from pydantic import Field

from bench.cards.base import Card, MetricName, Name


class Headline(Card):
    """The number a task is known by."""

    protocol: str
    metric: MetricName


class Task(Card):
    """Test images, training source, protocols and headline of one table row.

    Attributes:
        channels: modalities that become the channels of an image, in order.
        data: dataset that the task tests on, and whose preparation it uses; None means the
            dataset whose name it bears.
        test: name of the split to test on.
        train_on: dataset to learn from (its splits ``train`` and ``validation``); None means
            the dataset it tests on.
        protocols: ``name@version`` of all protocols to apply.
    """

    title: str
    channels: list[str] = Field(min_length=1)
    data: Name | None = None
    test: Name = "test"
    train_on: Name | None = None
    protocols: list[str] = Field(
        default=[
            "pixel-pooled@2",
            "pixel-subject@2",
            "pixel-pooled@1",
            "image-top@1",
            "image-standardised@1",
            "image-matched@1",
            "image@1",
            "image-max@1",
            "image-mean@1",
        ]
    )
    headline: Headline = Headline(protocol="pixel-pooled@2", metric="ap")

    def test_dataset(self, name: str) -> str:
        """The name of the dataset that the task tests on.

        Args:
            name: the task's full name, ``dataset/task``.
        """
        return self.data or dataset_part(name)

    def default_source(self, name: str) -> str:
        """The name of the dataset that the task learns from unless ``--train-on`` says otherwise.

        Args:
            name: the task's full name, ``dataset/task``.
        """
        return self.train_on or self.test_dataset(name)


def dataset_part(name: str) -> str:
    """The dataset in a task's full name, ``dataset/task``: the one whose card names the task."""
    return name.partition("/")[0]
