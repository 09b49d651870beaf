"""ProxyAno, after the abstract of Zhou et al. 2021. See README.md for what is theirs and ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.expected import ExpectedError
from methods.proxyano.modules import PatchDiscriminator, ProxyAnoNetwork
from methods.proxyano.objectives import extraction_player, joint_players, reconstruction_players
from methods.proxyano.proxies import make_proxy, write_proxies
from methods.shared.blocks import placed
from methods.shared.inference import batches
from methods.shared.memory import usage
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.residual import residual_map
from methods.shared.training import train

USAGE_IMAGES = 32
JUDGED_IMAGES = 128


class ProxyAno(Reconstruction[ProxyAnoNetwork]):
    """Image to proxy through memories, proxy to image; what is lost on the way is anomalous.

    Source: Zhou et al. 2021, "Proxy-bridged image reconstruction network for anomaly detection in
    medical images" (IEEE TMI), after the abstract only.

    Args:
        config: `ProxyAnoSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = ProxyAnoSettings.model_validate(dict(config))
        super().__init__(self._settings)
        self._expected: ExpectedError | None = None

    def _build(self, shape: dict[str, int]) -> ProxyAnoNetwork:
        return ProxyAnoNetwork(shape["channels"], shape["width"], self._settings).eval()

    def _train(self, network: ProxyAnoNetwork, normal: NormalImages, run: Run) -> None:
        """Make the proxies once, then train for ``budget.steps`` steps.

        In two stages each gets half of them, and at least one.
        """
        settings, budget = self._settings, run.budget
        arrays = {"images": normal.images, "proxies": normal.images, "masks": normal.masks}
        if settings.proxy != "none":
            arrays["proxies"] = write_proxies(normal, settings, run)
        judge = None
        if settings.adversarial_weight:
            judge = PatchDiscriminator(self._shape["channels"], self._shape["width"])
        if settings.training == "joint":
            players = joint_players(network, judge, settings, run.seed)
            train(players, arrays, run, steps=budget.steps, note="train")
        else:
            second = max(1, budget.steps // 2)
            first = max(1, budget.steps - second)
            extraction = extraction_player(network.extraction, settings, run.seed)
            train([extraction], arrays, run, steps=first, note="train proxy")
            players = reconstruction_players(network, judge, settings, run.seed)
            train(players, arrays, run, steps=second, note="train reconstruction")
        self._log_usage(normal, run)
        if settings.units == "expected":
            self._expected = self._usual_errors(normal, run)

    def save(self, folder: Path) -> None:
        """Write weights, shape and what errors are usual."""
        super().save(folder)
        if self._expected is not None:
            self._expected.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        super().load(folder)
        if self._settings.units == "expected":
            self._expected = ExpectedError.load(folder)

    def explain(self, images: Images) -> dict[str, FloatArray]:
        """The steps between image and map, as pictures.

        Returns:
            ``proxy`` (of the image itself), ``predicted proxy`` and ``reconstruction``, each
            (N, C, H, W) float32 in the scale of the images.
        """
        network = placed(self._fitted(), images.device)
        names = ("proxy", "predicted proxy", "reconstruction")
        proxies, predicted, rebuilt = (np.empty_like(images.images) for _ in names)
        for i, pair in enumerate(zip(images.images, images.masks, strict=True)):
            proxies[i] = make_proxy(*pair, self._settings)
        with torch.inference_mode():
            for where, batch in batches(images):
                parts = (part.cpu().numpy() for part in network(batch))
                predicted[where], rebuilt[where] = parts
        return dict(zip(names, (proxies, predicted, rebuilt), strict=True))

    def _rebuild(self, network: ProxyAnoNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images)[1])

    def _map(self, image: FloatArray, rebuilt: FloatArray, mask: BoolArray) -> FloatArray:
        error = super()._map(image, rebuilt, mask)
        if self._expected is None:
            return error
        return self._expected.in_units(error, rebuilt.mean(axis=0), mask)

    @torch.inference_mode()
    def _usual_errors(self, normal: NormalImages, run: Run) -> ExpectedError:
        """From training images at equal distances."""
        some = _some(normal, JUDGED_IMAGES, run)
        network = self._fitted()
        rebuilt = np.empty_like(some.images)
        for where, batch in batches(some):
            rebuilt[where] = network(batch)[1].float().cpu().numpy()
        parts = zip(some.images, rebuilt, some.masks, strict=True)
        errors = np.stack([residual_map(*one, self._residual) for one in parts])
        return ExpectedError.learn(errors, rebuilt.mean(axis=1), some.masks)

    @torch.inference_mode()
    def _log_usage(self, normal: NormalImages, run: Run) -> None:
        """Say how each memory is used, the finest first."""
        some = _some(normal, USAGE_IMAGES, run)
        answers = [self._fitted().extraction(batch).weights for _, batch in batches(some)]
        for level, weights in enumerate(zip(*answers, strict=True)):
            parts = usage(torch.cat(weights).float())
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in parts.items())
            run.logger.info("memory at 1/%d: %s", self._settings.stride * 2**level, numbers)


def _some(normal: NormalImages, most: int, run: Run) -> Images:
    """Up to so many training images, at equal distances."""
    stride = -(-len(normal) // most)
    return Images(np.array(normal.images[::stride]), np.array(normal.masks[::stride]), run.device)
