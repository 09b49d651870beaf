"""Applies a protocol to kept predictions: raw maps and scores in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.errors import all_of, counted
from bench.metrics.counts import Measure, RankingCounts
from bench.metrics.table import METRICS
from bench.protocol.calibration import calibrated_thresholds
from bench.protocol.cases import (
    Cases,
    NotApplicable,
    Standard,
    cases_of,
    images_of,
)
from bench.protocol.held import Passes
from bench.protocol.left_out import LeftOut
from bench.protocol.position import Matched, standard_of
from bench.protocol.postprocess import processed_passes, steps_of
from bench.protocol.resampling import Resampling, telling_subjects
from bench.protocol.tallies import Tally, tallies_of
from bench.store.predictions import SubjectPrediction
from bench.store.records import ProtocolNumbers, SubjectNumbers

Floats = npt.NDArray[np.float64]


def apply_protocol(protocol: ProtocolCard, predictions: Passes) -> ProtocolNumbers:
    """Turn predictions into numbers.

    Args:
        protocol: what to rank and how to pool.
        predictions: gives a fresh pass over the subjects, one at a time. Those with the role
            ``validation`` only serve to calibrate thresholds on.

    Returns:
        Numbers with counts, intervals and prevalence (for ``pool = "subject"`` or ``"image"``
        the mean over those that entered, which is the chance level of the mean AP); or ``not
        applicable`` with the reason. A reason beside numbers names the metrics left out.

    Raises:
        MetricError: a map or score is NaN or infinite.
    """
    return dict(apply_protocols([protocol], predictions))[protocol.id]


def apply_protocols(
    protocols: Sequence[ProtocolCard], predictions: Passes
) -> Iterator[tuple[str, ProtocolNumbers]]:
    """The numbers of several protocols, with their ids, in any order.

    Those that ask for the same steps share the work of them. Otherwise as `apply_protocol`.
    """
    alike: dict[tuple[object, ...], list[ProtocolCard]] = {}
    for protocol in protocols:
        alike.setdefault(steps_of(protocol), []).append(protocol)
    for group in alike.values():
        try:
            with processed_passes(group[0], predictions) as passes:
                for protocol in group:
                    yield protocol.id, numbers_of(protocol, passes)
        except NotApplicable as reason:  # a step of the whole group
            for protocol in group:
                yield protocol.id, _not_applicable(reason)


def numbers_of(protocol: ProtocolCard, passes: Passes) -> ProtocolNumbers:
    """As `apply_protocol`, of predictions that went through the protocol's steps."""
    if protocol.match is not None:
        pool = _matched
    else:
        pool = _pooled if protocol.pool == "pooled" else _averaged
    try:
        return pool(protocol, passes)
    except NotApplicable as reason:
        return _not_applicable(reason)


def _not_applicable(reason: NotApplicable) -> ProtocolNumbers:
    return ProtocolNumbers(status="not applicable", reason=str(reason))


class _Ranking:
    """Counts for the ranking metrics of a protocol: plain ones, and those weighted by region."""

    def __init__(self, protocol: ProtocolCard, positives: Mapping[str, Cases]) -> None:
        scores = {subject: one.scores for subject, one in positives.items()}
        self._counts: list[tuple[dict[str, Measure], RankingCounts]] = []
        plain, weighted = _measures(protocol, "cases"), _measures(protocol, "regions")
        if plain:
            self._counts.append((plain, RankingCounts(scores)))
        if weighted:
            weights = {s: one.weights for s, one in positives.items() if one.weights is not None}
            self._counts.append((weighted, RankingCounts(scores, weights=weights)))

    def add(self, one: Cases) -> None:
        for _, counts in self._counts:
            counts.add(one.subject, one.labels, one.scores)

    def values(self) -> dict[str, float]:
        return {
            name: counts.value(measure)
            for measures, counts in self._counts
            for name, measure in measures.items()
        }

    def resampled(self, draws: npt.NDArray[np.int64]) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for measures, counts in self._counts:
            rows = counts.resample(list(measures.values()), draws)
            found.update(zip(measures, rows, strict=True))
        return found


def _measures(protocol: ProtocolCard, counts: str) -> dict[str, Measure]:
    wanted = [METRICS[name] for name in protocol.metrics]
    return {one.name: one.load() for one in wanted if one.counts == counts}


def _pooled(protocol: ProtocolCard, passes: Passes) -> ProtocolNumbers:
    """Values over the cases of all subjects together."""
    standard = standard_of(protocol, passes)
    ranking, tallies = _announce(protocol, passes, standard)
    per_subject: dict[str, SubjectNumbers] = {}
    left_out = LeftOut()
    low, high = np.inf, -np.inf
    for prediction in _test(passes):
        one = cases_of(protocol, prediction, standard)
        own = _own_ranking(protocol, one)
        ranking.add(one)
        for tally in tallies:
            own |= tally.add(prediction)
        low, high = min(low, one.span[0]), max(high, one.span[1])
        left_out.not_ranked([one], one.subject)
        per_subject[one.subject] = SubjectNumbers(
            cases=one.total,
            positives=one.positives,
            metrics=_ordered(protocol, own),
            degenerate=one.constant,
        )
    total = sum(one.cases for one in per_subject.values())
    positives = sum(one.positives for one in per_subject.values())
    _check_classes(total, positives)
    values, varied = ranking.values(), dict[str, Floats]()
    for tally in tallies:
        values |= tally.values()
    resampling = Resampling(tuple(per_subject), telling_subjects(per_subject))
    if len(per_subject) > 1:
        varied = ranking.resampled(resampling.draws)
        for tally in tallies:
            varied |= tally.resampled(resampling.draws)
    values = _ordered(protocol, values)
    return ProtocolNumbers(
        status="done",
        reason=_left_out(protocol, values),
        metrics=values,
        intervals=resampling.intervals(values, varied),
        resampled=resampling.kept(varied) if varied else None,
        prevalence=positives / total,
        cases=total,
        positives=positives,
        subjects=sum(one.cases > 0 for one in per_subject.values()),
        degenerate=bool(low == high),
        left_out=left_out.found,
        healthy={key: one for tally in tallies for key, one in tally.healthy().items()},
        per_subject=per_subject,
    )


def _announce(
    protocol: ProtocolCard, passes: Passes, standard: Standard | None
) -> tuple[_Ranking, list[Tally]]:
    """What must be known of all subjects before any can be counted: their positives' scores."""
    calibrated = calibrated_thresholds(protocol, passes)
    positives: dict[str, Cases] = {}
    for prediction in _test(passes):
        positives[prediction.subject] = _positives(cases_of(protocol, prediction, standard))
    scores = [one.scores for one in positives.values()]
    tallies = tallies_of(protocol, calibrated, np.concatenate(scores)) if scores else []
    return _Ranking(protocol, positives), tallies


def _averaged(protocol: ProtocolCard, passes: Passes) -> ProtocolNumbers:
    """Values within each subject or image, averaged over those that have both classes."""
    calibrated = calibrated_thresholds(protocol, passes)
    standard = standard_of(protocol, passes)
    per_subject: dict[str, SubjectNumbers] = {}
    entered: dict[str, list[tuple[Cases, dict[str, float]]]] = {}
    left_out = LeftOut()
    total = positives = 0
    for prediction in _test(passes):
        units = [prediction] if protocol.pool == "subject" else images_of(prediction)
        cases = [(unit, cases_of(protocol, unit, standard)) for unit in units]
        own = [(one, _own(protocol, unit, one, calibrated)) for unit, one in cases]
        mine = [(one, values) for one, values in own if values]
        size = sum(one.total for one, _ in own)
        lesion = sum(one.positives for one, _ in own)
        total, positives = total + size, positives + lesion
        if mine:
            entered[prediction.subject] = mine
        left_out.not_ranked([one for one, _ in own], prediction.subject)
        left_out.one_class(prediction.subject, len(own) - len(mine), len(own), protocol.pool)
        per_subject[prediction.subject] = SubjectNumbers(
            cases=size,
            positives=lesion,
            metrics=_means(protocol, [v for _, v in mine]),
            degenerate=bool(mine) and all(one.constant for one, _ in mine),
        )
    _check_classes(total, positives)
    units_in = [unit for mine in entered.values() for unit in mine]
    if not units_in:
        raise NotApplicable(f"no {protocol.pool} has both classes")
    values = _means(protocol, [own_values for _, own_values in units_in])
    resampling = Resampling(tuple(entered), len(entered))
    varied = _resampled_means(values, list(entered.values()), resampling.draws)
    return ProtocolNumbers(
        status="done",
        reason=_left_out(protocol, values),
        metrics=values,
        intervals=resampling.intervals(values, varied),
        resampled=resampling.kept(varied) if varied else None,
        prevalence=float(np.mean([one.positives / one.total for one, _ in units_in])),
        cases=sum(one.total for one, _ in units_in),
        positives=sum(one.positives for one, _ in units_in),
        subjects=len(entered),
        degenerate=all(one.constant for one, _ in units_in),
        averaged_over=len(units_in),
        left_out=left_out.found,
        per_subject=per_subject,
    )


def _matched(protocol: ProtocolCard, passes: Passes) -> ProtocolNumbers:
    """Abnormal images against the normal ones at like position (see `Matched`)."""
    standard = standard_of(protocol, passes)
    cases = [cases_of(protocol, prediction, standard) for prediction in _test(passes)]
    total, positives = sum(one.total for one in cases), sum(one.positives for one in cases)
    _check_classes(total, positives)
    pairs = Matched(cases, protocol.position_mm)
    if not pairs.positives:
        raise NotApplicable(
            f"none of {counted(positives, 'abnormal image')} has a normal one within "
            f"{protocol.position_mm:g} mm"
        )
    per_subject: dict[str, SubjectNumbers] = {}
    left_out = LeftOut()
    for at, one in enumerate(cases):
        own = pairs.own(at)
        left_out.not_ranked([one], one.subject)
        left_out.unmatched(one.subject, int(pairs.alone[at]), one.positives)
        per_subject[one.subject] = SubjectNumbers(
            cases=one.total,
            positives=one.positives,
            metrics={} if own is None else {"auroc": own},
            degenerate=one.constant,
        )
    values, varied = {"auroc": pairs.value()}, dict[str, Floats]()
    resampling = Resampling(tuple(per_subject), telling_subjects(per_subject))
    if len(cases) > 1:
        varied["auroc"] = pairs.resampled(resampling.draws)
    spans = [one.span for one in cases]
    return ProtocolNumbers(
        status="done",
        metrics=values,
        intervals=resampling.intervals(values, varied),
        resampled=resampling.kept(varied) if varied else None,
        prevalence=positives / total,
        cases=total,
        positives=positives,
        subjects=sum(one.total > 0 for one in cases),
        degenerate=bool(min(low for low, _ in spans) == max(high for _, high in spans)),
        left_out=left_out.found,
        per_subject=per_subject,
    )


def _resampled_means(
    names: Mapping[str, float],
    entered: list[list[tuple[Cases, dict[str, float]]]],
    draws: npt.NDArray[np.int64],
) -> dict[str, Floats]:
    if len(entered) < 2:
        return {}
    units = draws @ np.array([len(mine) for mine in entered])
    return {
        name: draws @ np.array([sum(v[name] for _, v in mine) for mine in entered]) / units
        for name in names
    }


def _test(passes: Passes) -> Iterator[SubjectPrediction]:
    return (prediction for prediction in passes() if prediction.role == "test")


def _positives(one: Cases) -> Cases:
    """Only the positives, so that a first pass needs little memory."""
    chosen = one.labels
    return Cases(one.subject, chosen[chosen], one.scores[chosen], one.weights)


def _own(
    protocol: ProtocolCard,
    unit: SubjectPrediction,
    one: Cases,
    calibrated: Mapping[float, float],
) -> dict[str, float]:
    """A unit's values by itself; none where it has one class only."""
    values = _own_ranking(protocol, one)
    if 0 < one.positives < one.total:
        for tally in tallies_of(protocol, calibrated, _positives(one).scores):
            values |= tally.add(unit)
    return values


def _own_ranking(protocol: ProtocolCard, one: Cases) -> dict[str, float]:
    if not 0 < one.positives < one.total:
        return {}
    ranking = _Ranking(protocol, {one.subject: _positives(one)})
    ranking.add(one)
    return ranking.values()


def _ordered(protocol: ProtocolCard, values: Mapping[str, float]) -> dict[str, float]:
    return {name: values[name] for name in protocol.metrics if name in values}


def _means(protocol: ProtocolCard, values: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in protocol.metrics if values and name in values[0]]
    return {name: float(np.mean([one[name] for one in values])) for name in names}


def _left_out(protocol: ProtocolCard, values: Mapping[str, float]) -> str | None:
    if not values:
        raise NotApplicable("there are no normal validation images to calibrate on")
    missing = [name for name in protocol.metrics if name not in values]
    if not missing:
        return None
    return f"without {', '.join(missing)}: there are no normal validation images to calibrate on"


def _check_classes(total: int, positives: int) -> None:
    if not total:
        raise NotApplicable("there are no test cases")
    if positives in (0, total):
        side = "abnormal" if positives else "normal"
        cases = all_of(total, "test case", "are")
        raise NotApplicable(f"{cases} {side}")
