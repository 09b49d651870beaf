"""ProxyAno, after the abstract of Zhou et al. 2021. See README.md for what is theirs and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.modules import PatchDiscriminator, ProxyAnoNetwork
from methods.proxyano.objectives import extraction_player, joint_players, reconstruction_players
from methods.proxyano.proxies import make_proxy, write_proxies
from methods.shared.blocks import placed
from methods.shared.inference import batches
from methods.shared.memory import usage
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import train

USAGE_IMAGES = 32


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

    @torch.inference_mode()
    def _log_usage(self, normal: NormalImages, run: Run) -> None:
        """Say how each memory is used, the finest first."""
        stride = -(-len(normal) // USAGE_IMAGES)
        some = Images(
            np.array(normal.images[::stride]), np.array(normal.masks[::stride]), run.device
        )
        answers = [self._fitted().extraction(batch).weights for _, batch in batches(some)]
        for level, weights in enumerate(zip(*answers, strict=True)):
            parts = usage(torch.cat(weights).float())
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in parts.items())
            run.logger.info("memory at 1/%d: %s", self._settings.stride * 2**level, numbers)
