"""What all of anomalib's models share: from prepared images to raw maps and scores."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.anomalib.pretrained import file_hash
from methods.anomalib.settings import LITE
from methods.shared.blocks import placed
from methods.shared.inference import batches
from methods.shared.settings import Settings
from methods.shared.training import Player, Step, train
from methods.shared.weights import count_parameters, load_network, save_network

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)
LITE_MEAN = LITE_SD = (0.5, 0.5, 0.5)
"""What EfficientNet-Lite0 was trained with: images from -1 to 1."""

S = TypeVar("S", bound=Settings)


class Sides(NamedTuple):
    """Of images, in pixels."""

    rows: int
    columns: int


class Raw(NamedTuple):
    """What a torch model says of a batch.

    Attributes:
        scores: (B,).
        maps: (B, H, W) or (B, 1, H, W) at the model's own size; None for scores alone.
    """

    scores: Tensor
    maps: Tensor | None


class Adapter(ABC, Generic[S]):
    """A torch model of anomalib as a detector.

    It is given images as the harness prepared them, normalised as its backbone expects, and
    enlarged where it needs larger ones; its own map is brought back to their size once, linearly.
    Nothing else happens between the model and the prediction.

    Args:
        config: the settings of ``schema``.

    Attributes:
        name: of the method, for messages.
        schema: model of its settings.
        imagenet: whether the model expects images normalised as its backbone's were.
        least: shortest side the model can take.
        multiple: a side must be a multiple of it.
        channels_last: whether its layers work in that order of memory.
    """

    name: str
    schema: type[S]
    imagenet = True
    least = 32
    multiple = 1
    channels_last = True

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = self.schema.model_validate(dict(config))
        self._network: nn.Module | None = None
        self._shape: dict[str, int] = {}
        self._weights = ""

    @property
    def n_parameters(self) -> int | None:
        """Numbers in the model, frozen ones included; None before `fit` or `load`."""
        return count_parameters(self._network)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Build the model and let it learn.

        Raises:
            Skip: its pretrained weights cannot be found or fetched.
        """
        rows, columns = (self._raised(side) for side in normal.images.shape[2:])
        self._shape = {"height": rows, "width": columns, "base": run.budget.width}
        network = self._build(Sides(rows, columns), run.budget.width)
        self._weights = self._give_weights(network, run)
        self._learn(network, normal, run)
        # Kernels, and so the last bits, follow the layout in memory; a loaded model has this one.
        for tensor in [*network.parameters(), *network.buffers()]:
            tensor.data = tensor.data.contiguous()
        self._network = network.eval()

    @torch.inference_mode()
    def predict(self, images: Images) -> Prediction:
        """The model's own maps and scores."""
        network = self._placed(self._trained(), images.device)
        maps: FloatArray | None = None
        scores = np.empty(len(images), dtype=np.float32)
        for where, batch in batches(images):
            found = self._judge(network, self._input(batch))
            scores[where] = found.scores.reshape(-1).float().cpu().numpy()
            if found.maps is not None:
                if maps is None:
                    maps = np.empty(images.masks.shape, dtype=np.float32)
                maps[where] = resized(found.maps, images.masks.shape[1:])
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the whole model, so that loading needs no pretrained weights."""
        save_network(folder, self._trained(), self._shape)
        origin = json.dumps({"weights": self._weights})
        (folder / "origin.json").write_text(origin, encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read the model.

        Raises:
            MethodError: a file is missing or damaged, or the user's file of pretrained weights
                is another one than that of this fit.
        """
        self._network, self._shape = load_network(folder, self._rebuild)
        try:
            origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
            self._weights = origin["weights"]
        except (OSError, ValueError, KeyError) as error:
            raise MethodError(
                f"{folder} does not say which weights its network began with: {error}",
                hint="train it again with: bench run --force",
            ) from error
        given = Path(getattr(self._settings, "weights", "random")).expanduser()
        named = str(given) in ("pretrained", "random")
        if not named and given.is_file() and file_hash(given) != self._weights:
            raise MethodError(
                f"{folder} began with other weights than those in {given} now",
                hint="train it again with: bench run --force",
            )

    @abstractmethod
    def _build(self, sides: Sides, width: int) -> nn.Module:
        """The untrained model for inputs of `sides`; `width` is the budget's base channels."""

    @abstractmethod
    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        """Train the model, or fill its memory."""

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        """Put pretrained weights where they belong; the sha256 of their file."""
        return ""

    def _judge(self, network: Any, batch: Tensor) -> Raw:  # noqa: ANN401
        """Raw maps and scores of a batch that went through `_input`."""
        found = network(batch)
        return Raw(found.pred_score, found.anomaly_map)

    def _input(self, images: Tensor) -> Tensor:
        """Prepared images as the model takes them: enlarged, normalised."""
        size = [self._shape["height"], self._shape["width"]]
        if list(images.shape[2:]) != size:
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        if self.imagenet:
            mean, sd = (
                torch.tensor(values, device=images.device).reshape(1, 3, 1, 1)
                for values in self._normalisation
            )
            images = (images - mean) / sd
        return images if self.channels_last else images.contiguous()

    @property
    def _normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation per channel of what the backbone was trained on."""
        if getattr(self._settings, "backbone", "") == LITE:
            return LITE_MEAN, LITE_SD
        return IMAGENET_MEAN, IMAGENET_SD

    def _train(
        self,
        players: Mapping[str, tuple[nn.Module, Callable[[Step, Tensor], Tensor]]],
        learning_rate: float,
        normal: NormalImages,
        run: Run,
    ) -> None:
        """The one training loop, over networks and their losses by name.

        A loss is given the step and the model's input. It is computed in single precision: the
        flows, the quantiles and the cross-entropies in these models work in no other.
        """

        def in_full(loss: Callable[[Step, Tensor], Tensor]) -> Callable[[Step], Tensor]:
            def compute(step: Step) -> Tensor:
                with torch.autocast(run.device, enabled=False):
                    return loss(step, self._input(step.batch["images"]))

            return compute

        train(
            [
                Player(name, net, in_full(loss), learning_rate)
                for name, (net, loss) in players.items()
            ],
            {"images": normal.images},
            run,
            steps=run.budget.steps,
            note="train",
        )

    def _raised(self, side: int) -> int:
        return max(self.least, -(-side // self.multiple) * self.multiple)

    def _rebuild(self, shape: dict[str, int]) -> nn.Module:
        return self._build(Sides(shape["height"], shape["width"]), shape["base"]).eval()

    def _placed(self, network: nn.Module, device: str) -> nn.Module:
        return placed(network, device) if self.channels_last else network.to(device)

    def _trained(self) -> nn.Module:
        if self._network is None:
            raise MethodError(f"{self.name} has no network yet; call fit or load first")
        return self._network


def resized(maps: Tensor, size: tuple[int, ...]) -> FloatArray:
    """Maps at another size.

    Args:
        maps: (B, H, W) or (B, 1, H, W).
        size: rows and columns wanted.

    Returns:
        (B, *size) float32; untouched where they have that size.
    """
    maps = maps.reshape(len(maps), 1, *maps.shape[-2:]).float()
    if maps.shape[2:] != size:
        maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False, antialias=True)
    array: FloatArray = maps[:, 0].cpu().numpy()
    return array
