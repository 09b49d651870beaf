"""What a user asks for, checked: methods, tasks, budget, seeds and settings."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from bench import registry
from bench.cards import (
    DEFAULT_BUDGET,
    Budget,
    DatasetCard,
    MethodCard,
    Preparation,
    Task,
    shared_subjects,
)
from bench.errors import (
    BenchError,
    CardError,
    MissingExtra,
    UnknownName,
    UsageError,
    allowed,
    quoted,
)
from bench.planning.settings import (
    MethodChoice,
    choose_settings,
    named_settings,
    parse_settings,
)
from bench.registry.plugins import PluginCard

Keep = Literal["maps", "scores", "none"]
T = TypeVar("T")


@dataclass(frozen=True)
class TaskChoice:
    """A task and the dataset it learns from.

    Attributes:
        name: full name, ``dataset/task``.
    """

    name: str
    dataset: DatasetCard
    task: Task
    train_on: DatasetCard

    def has_yardstick(self, card: MethodCard) -> bool:
        """Whether the method stands in the task's table without being asked for."""
        if card.yardstick in (None, "all"):
            return card.yardstick == "all"
        if all(registry.protocol(one).level == "pixel" for one in self.task.protocols):
            return False  # the others give scores of images and no maps
        volumes = isinstance(self.dataset.preparation, Preparation)
        if card.yardstick == "volumes":
            return volumes
        return not volumes or registry.protocol(self.task.headline.protocol).level != "pixel"


@dataclass(frozen=True)
class Request:
    """A checked request: everything it names exists.

    Attributes:
        yardsticks: methods that nobody asked for, each for the tasks that its card says.
    """

    methods: tuple[MethodChoice, ...]
    tasks: tuple[TaskChoice, ...]
    budget: Budget
    seeds: int
    yardsticks: tuple[MethodChoice, ...] = ()

    def methods_for(self, task: TaskChoice) -> tuple[MethodChoice, ...]:
        """The methods asked for, then the task's yardsticks."""
        added = [one for one in self.yardsticks if task.has_yardstick(one.card)]
        return (*self.methods, *added)


@dataclass(frozen=True)
class RunArguments:
    """What is asked for, as it was written and unchecked: by options, a suite or a Python call.

    Attributes:
        method: names, ``path/to/file.py:Class``, or cards.
        set: texts ``[METHOD:]key=value`` of the command line and of suites.
        settings: values by ``key`` or ``method:key``, of a Python call.
        yardsticks: methods that know nothing run too, see `bench.cards.MethodCard`.
    """

    method: Sequence[str | MethodCard] = ()
    dataset: Sequence[str] = ()
    task: Sequence[str] = ()
    train_on: str | None = None
    budget: str = DEFAULT_BUDGET
    seeds: int | None = None
    set: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    yardsticks: bool = False


def check_request(arguments: RunArguments) -> Request:
    """Turn arguments into a request; all faults are reported at once.

    Raises:
        UsageError: unknown names, keys or values, or nothing asked for.
    """
    faults: list[BenchError] = []
    budget = _try(faults, lambda: registry.budget(arguments.budget))
    named = [one for at, one in enumerate(arguments.method) if one not in arguments.method[:at]]
    cards = [_try(faults, partial(choose_method, name)) for name in named]
    tasks = _try(faults, lambda: choose_tasks(arguments)) or ()
    seeds = _try(faults, lambda: _seeds(arguments.seeds))
    settings = _try(
        faults, lambda: [*parse_settings(arguments.set), *named_settings(arguments.settings)]
    )
    if not arguments.method:
        faults.append(UsageError("no method was named", hint="bench list methods"))
    methods: tuple[MethodChoice, ...] = ()
    if settings is not None and all(cards):
        known = [card for card in cards if card]
        chosen = list(settings)
        added = _yardsticks(known, tasks) if arguments.yardsticks else []
        methods = _try(faults, lambda: choose_settings(known, chosen, added)) or ()
    if faults or budget is None:
        raise _together(faults)
    asked = len(cards)
    return Request(
        methods=methods[:asked],
        tasks=tasks,
        budget=budget,
        seeds=seeds or budget.seeds,
        yardsticks=methods[asked:],
    )


def _yardsticks(asked: Sequence[MethodCard], tasks: Sequence[TaskChoice]) -> list[MethodCard]:
    """The cards of methods that nobody asked for and that stand in one of the tasks' tables."""
    names = {card.name for card in asked}
    others = [card for name, card in registry.load_methods().items() if name not in names]
    return [card for card in others if any(task.has_yardstick(card) for task in tasks)]


# Nobody trains that often; a slip of the keyboard would fill the memory with cells.
_MOST_SEEDS = 10_000


def _seeds(wanted: int | None) -> int | None:
    """The number of seeds, checked; None stands for the budget's."""
    if wanted is None:
        return None
    try:
        count = operator.index(wanted)  # NumPy's integers too
    except TypeError:
        raise UsageError(f"seeds={wanted!r} must be a whole number") from None
    shown = quoted(count)
    if count < 1:
        raise UsageError(f"seeds={shown} (--seeds {shown}) must be 1 or more")
    if count > _MOST_SEEDS:
        raise UsageError(f"seeds={shown} (--seeds {shown}) must be at most {_MOST_SEEDS}")
    return count


def choose_method(name: str | MethodCard) -> MethodCard:
    """The card of a method; a plug-in is imported, so that its faults show before any cell starts.

    Args:
        name: of a card, ``path/to/file.py:Class``, or a card of the caller's own.

    Raises:
        UnknownName: no card has the name.
        MethodError: a plug-in cannot be imported.
    """
    card = name if isinstance(name, MethodCard) else registry.method(name)
    if isinstance(card, PluginCard):
        with suppress(MissingExtra):  # the cell is skipped and says so
            registry.load_class(card)
    return card


def choose_tasks(arguments: RunArguments) -> tuple[TaskChoice, ...]:
    """The tasks of ``--dataset`` and ``--task``, in the order they were named.

    A dataset stands for all its tasks, unless a task of it is named too.
    """
    known = registry.all_tasks()
    for name in arguments.task:
        if name not in known:
            if name.partition("/")[0] in registry.broken_datasets():
                registry.dataset(name.partition("/")[0])
            raise UnknownName("task", name, known, hint="bench list tasks")
    narrowed = {name.split("/")[0] for name in arguments.task}
    chosen = list(_once(arguments.task))
    for name in _once(arguments.dataset):
        card = registry.dataset(name)
        if not card.tasks:
            raise UsageError(
                f"dataset {name!r} has no task; it serves as a training source: --train-on {name}",
                hint="bench list tasks",
            )
        if name not in narrowed:
            chosen += [f"{name}/{task}" for task in card.tasks]
    if not chosen:
        raise UsageError("no dataset or task was named", hint="bench list tasks")
    return tuple(task_choice(name, arguments.train_on) for name in chosen)


def task_choice(name: str, train_on: str | None) -> TaskChoice:
    """A task of a card, and the dataset it learns from.

    Args:
        name: full name, ``dataset/task``, that a card has.
        train_on: name of a dataset; None leaves it to the card.

    Raises:
        UnknownName: no such dataset to learn from.
        CardError: the task's card lacks a split, a protocol or the preparation.
        UsageError: the dataset to learn from does not fit.
    """
    card_name, task_name = name.split("/")
    task = registry.dataset(card_name).tasks[task_name]
    dataset = registry.dataset(task.test_dataset(name))
    if task.test not in dataset.splits or dataset.preparation is None:
        raise CardError(
            f"task {name} needs a split {task.test!r} and a [preparation] in card {dataset.name!r}"
        )
    _check_protocols(name, task)
    source = registry.dataset(train_on or task.default_source(name))
    if "train" not in source.splits:
        raise UsageError(
            f"dataset {source.name!r} has no split named 'train', so {name} cannot learn from it",
            hint="choose another source with --train-on",
        )
    lacking = [one for one in task.channels if all(one not in la.images for la in source.layouts)]
    if lacking:
        offered = sorted({one for layout in source.layouts for one in layout.images})
        raise UsageError(
            f"{name} needs {', '.join(lacking)}, which training source {source.name!r} does not "
            f"have; it has: {', '.join(offered)}",
            hint="choose another source with --train-on",
        )
    if source is dataset:
        _refuse_own_subjects(name, dataset, task)
    return TaskChoice(name=name, dataset=dataset, task=task, train_on=source)


def _refuse_own_subjects(name: str, dataset: DatasetCard, task: Task) -> None:
    """Refuse to learn from subjects that the task tests on, and offer what works.

    Raises:
        UsageError: the test split shares subjects with those to learn from.
    """
    learn = [dataset.splits[one] for one in ("train", "validation") if one in dataset.splits]

    def shared(split: str) -> str:
        return next(
            filter(None, (shared_subjects(dataset.splits[split], one) for one in learn)), ""
        )

    def is_apart(split: str) -> bool:
        return not shared(split)

    if is_apart(task.test):
        return
    apart = [one for one in dataset.splits if one not in ("train", "validation") and is_apart(one)]
    tasks = [
        f"{dataset.name}/{key}"
        for key, one in dataset.tasks.items()
        if one.data is None and one.test in apart and one.channels == task.channels
    ]
    works = f"split {' or '.join(map(repr, apart))} works" if apart else "no split of it is apart"
    raise UsageError(
        f"{name} tests on split {task.test!r} of {dataset.name!r}, which has subjects that would "
        f"be learned from ({shared(task.test)}); {works}",
        hint=f"--task {tasks[0]} tests on {dataset.tasks[tasks[0].split('/')[1]].test!r}"
        if tasks
        else f"a task in a card of your own that says data = {dataset.name!r} and the split",
    )


def _check_protocols(name: str, task: Task) -> None:
    """Refuse a card's wrong protocol before anything is trained for it.

    Raises:
        CardError: an unknown protocol, one without its version, or a headline not among them.
    """
    known = registry.load_protocols()
    for one in [*task.protocols, task.headline.protocol]:
        if one not in known:
            raise CardError(
                f"task {name}: unknown protocol {one!r}; {allowed(one, known)}",
                hint="bench list protocols",
            )
    head = task.headline
    if head.protocol not in task.protocols or head.metric not in known[head.protocol].metrics:
        raise CardError(
            f"task {name}: the headline {head.metric} of {head.protocol} is not computed by its "
            f"protocols: {', '.join(task.protocols)}"
        )


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _try(faults: list[BenchError], make: Callable[[], T]) -> T | None:
    """What `make` gives; None where it fails, which `faults` then names."""
    try:
        return make()
    except BenchError as error:
        faults.append(error)
        return None


def _together(faults: Sequence[BenchError]) -> BenchError:
    if len(faults) == 1:
        return faults[0]
    text = "\n".join(str(fault) for fault in faults)
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    return UsageError(text, hint=", or ".join(hints) or None)
