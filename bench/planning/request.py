"""What a user asks for, checked: methods, tasks, budget, seeds and settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from bench import registry
from bench.cards import Budget, DatasetCard, MethodCard, Task
from bench.errors import BenchError, CardError, MissingExtra, UnknownName, UsageError, allowed
from bench.keys import canonical_json
from bench.registry.plugins import PluginCard

Keep = Literal["maps", "scores", "none"]


@dataclass(frozen=True)
class MethodChoice:
    """A method with its settings.

    Attributes:
        settings: only what differs from the card's defaults.
        config: every setting.
    """

    card: MethodCard
    settings: dict[str, Any]
    config: dict[str, Any]


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


@dataclass(frozen=True)
class Request:
    """A checked request: everything it names exists."""

    methods: tuple[MethodChoice, ...]
    tasks: tuple[TaskChoice, ...]
    budget: Budget
    seeds: int


@dataclass(frozen=True)
class RunArguments:
    """The arguments of `bench run` as they were written, unchecked."""

    method: list[str] = field(default_factory=list)
    dataset: list[str] = field(default_factory=list)
    task: list[str] = field(default_factory=list)
    train_on: str | None = None
    budget: str = "quick"
    seeds: int | None = None
    set: list[str] = field(default_factory=list)


def check_request(arguments: RunArguments) -> Request:
    """Turn arguments into a request; all faults are reported at once.

    Raises:
        UsageError: unknown names, keys or values, or nothing asked for.
    """
    faults: list[BenchError] = []
    budget = _try(faults, lambda: registry.budget(arguments.budget))
    cards = [_try(faults, lambda n=name: choose_method(n)) for name in _once(arguments.method)]
    tasks = _try(faults, lambda: choose_tasks(arguments)) or ()
    if arguments.seeds is not None and arguments.seeds < 1:
        faults.append(UsageError(f"--seeds {arguments.seeds} must be 1 or more"))
    if not arguments.method:
        faults.append(UsageError("no method was named", hint="bench list methods"))
    methods: tuple[MethodChoice, ...] = ()
    if all(cards):
        known = [card for card in cards if card]
        methods = _try(faults, lambda: choose_settings(known, arguments.set)) or ()
    if faults or budget is None:
        raise _together(faults)
    seeds = arguments.seeds if arguments.seeds is not None else budget.seeds
    return Request(methods=methods, tasks=tasks, budget=budget, seeds=seeds)


def choose_method(name: str) -> MethodCard:
    """The card of a method; a plug-in is imported, so that its faults show before any cell starts.

    Raises:
        UnknownName: no card bears the name.
        MethodError: a plug-in cannot be imported.
    """
    card = registry.method(name)
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
    return tuple(_task_choice(name, arguments.train_on) for name in chosen)


def _task_choice(name: str, train_on: str | None) -> TaskChoice:
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
    return TaskChoice(name=name, dataset=dataset, task=task, train_on=source)


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


def choose_settings(
    cards: Sequence[MethodCard], settings: Sequence[str]
) -> tuple[MethodChoice, ...]:
    """Methods with the settings of ``--set [METHOD:]key=value``.

    A setting without a method goes to every method, and must be a key of each.
    """
    twice = [name for name, count in Counter(card.name for card in cards).items() if count > 1]
    if twice:
        raise UsageError(f"two of the methods are named {twice[0]!r}; run them one after the other")
    wanted: dict[str, dict[str, Any]] = {card.name: {} for card in cards}
    for text in settings:
        target, key, value = _parse_setting(text)
        if target is not None and target not in wanted:
            raise UnknownName(f"method in --set {text!r}:", target, wanted)
        for name in [target] if target is not None else wanted:
            wanted[name][key] = value
    choices = []
    for card in cards:
        config = registry.resolve_config(card, wanted[card.name])
        changed = {
            key: value
            for key, value in config.items()
            if canonical_json(value) != canonical_json(card.config[key])
        }
        choices.append(MethodChoice(card=card, settings=changed, config=config))
    return tuple(choices)


def _parse_setting(text: str) -> tuple[str | None, str, Any]:
    left, equals, right = text.partition("=")
    if not equals or not left:
        raise UsageError(f"--set {text!r} must look like key=value or METHOD:key=value")
    target, colon, key = left.rpartition(":")
    try:
        value = json.loads(right)
    except ValueError:
        value = right
    return (target if colon else None), key.strip(), value


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _try(faults: list[BenchError], make: Any) -> Any:  # noqa: ANN401 - whatever `make` returns
    try:
        return make()
    except BenchError as error:
        faults.append(error)
        return None


def _together(faults: Sequence[BenchError]) -> BenchError:
    if len(faults) == 1:
        return faults[0]
    text = "; ".join(str(fault) for fault in faults)
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    return UsageError(text, hint=", or ".join(hints) or None)
