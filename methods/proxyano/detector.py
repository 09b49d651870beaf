"""ProxyAno, after the abstract of Zhou et al. 2021. See README.md for what is theirs and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.modules import PatchDiscriminator, ProxyAnoNetwork
from methods.proxyano.objectives import extraction_player, joint_players, reconstruction_players
from methods.proxyano.proxies import make_proxy, write_proxies
from methods.shared.blocks import placed
from methods.shared.foreground import mean_score
from methods.shared.inference import batches
from methods.shared.memory import usage
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.residual import residual_map
from methods.shared.training import train

USAGE_IMAGES = 32


class ProxyAno(Reconstruction[ProxyAnoNetwork]):
    """Image to proxy through a memory, proxy to image; what is lost on the way is anomalous.

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

    def predict(self, images: Images) -> Prediction:
        """Judge by the residual that ``map_source`` names; score: its mean over the foreground."""
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, proxy, rebuilt in self._steps(images):
            maps[i] = self._map(images.images[i], images.masks[i], proxy, rebuilt)
            scores[i] = mean_score(maps[i], images.masks[i])
        return Prediction(maps, scores)

    def explain(self, images: Images) -> dict[str, FloatArray]:
        """The steps between image and map, as pictures.

        Returns:
            ``proxy`` (of the image itself), ``predicted proxy`` and ``reconstruction``, each
            (N, C, H, W) float32.
        """
        names = ("proxy", "predicted proxy", "reconstruction")
        parts = {name: np.empty(images.images.shape, dtype=np.float32) for name in names}
        for i, proxy, rebuilt in self._steps(images):
            parts["proxy"][i] = make_proxy(images.images[i], images.masks[i], self._settings)
            parts["predicted proxy"][i] = proxy
            parts["reconstruction"][i] = rebuilt
        return parts

    def _rebuild(self, network: ProxyAnoNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images)[1])

    @torch.inference_mode()
    def _steps(self, images: Images) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """Index, predicted proxy and reconstruction of each image."""
        network = placed(self._fitted(), images.device)
        for where, batch in batches(images):
            proxies, rebuilt = (part.cpu().numpy() for part in network(batch))
            for offset, pair in enumerate(zip(proxies, rebuilt, strict=True)):
                yield where.start + offset, *pair

    def _map(
        self, image: FloatArray, mask: BoolArray, proxy: FloatArray, rebuilt: FloatArray
    ) -> FloatArray:
        settings = self._settings
        if settings.map_source == "reconstruction":
            return residual_map(image, rebuilt, mask, settings)
        lost = residual_map(make_proxy(image, mask, settings), proxy, mask, settings)
        if settings.map_source == "proxy":
            return lost
        return lost + residual_map(image, rebuilt, mask, settings)

    @torch.inference_mode()
    def _log_usage(self, normal: NormalImages, run: Run) -> None:
        stride = -(-len(normal) // USAGE_IMAGES)
        some = Images(
            np.array(normal.images[::stride]), np.array(normal.masks[::stride]), run.device
        )
        weights = [self._fitted().extraction(batch).weights for _, batch in batches(some)]
        found = [one for one in weights if one is not None]
        if found:
            parts = usage(torch.cat(found).float())
            run.logger.info("memory: %s", ", ".join(f"{k} {v:.3g}" for k, v in parts.items()))
