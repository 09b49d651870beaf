"""Pretrained weights: from a file, from a cache, or fetched and checked by their hash."""

from __future__ import annotations

import os
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
import torch
from torch import Tensor, nn

from bench.detector import Run, Skip
from bench.errors import MethodError
from methods.anomalib.library import (
    WEIGHTS_DOWNLOAD_INFO,
    get_pretrained_cfg,
    load_state_dict,
)
from methods.anomalib.settings import LITE
from methods.shared.efficientnet_lite import in_order

TIMEOUT_S = 10


@dataclass(frozen=True)
class Source:
    """Where the weights of one network come from.

    Attributes:
        what: the network, in words.
        url: of the file.
        sha256: of the file, in hex; the beginning is enough.
        member: name inside the file, where that is a zip archive.
        package: it is a file inside the package of the extra ``pretrained``, with the network's
            tensors in order and by other names.
    """

    what: str
    url: str
    sha256: str
    member: str = ""
    package: bool = False

    @property
    def file_name(self) -> str:
        """Name of the file in a cache."""
        return self.url.rsplit("/", 1)[1]


def imagenet(backbone: str) -> Source:
    """ImageNet weights of a network of timm; their file's name ends in the start of its hash."""
    if backbone == LITE:
        return Source(f"{backbone} for ImageNet", "", "57934424", package=True)
    url = get_pretrained_cfg(backbone).url
    return Source(f"{backbone} for ImageNet", url, Path(url).stem.rsplit("-", 1)[1])


def teacher(size: str) -> Source:
    """EfficientAD's teacher, distilled by the authors of anomalib."""
    return Source(
        f"EfficientAD's {size} teacher",
        WEIGHTS_DOWNLOAD_INFO.url,
        WEIGHTS_DOWNLOAD_INFO.hashsum,
        f"efficientad_pretrained_weights/pretrained_teacher_{size}.pth",
    )


def give_weights(network: nn.Module, setting: str, source: Source, method: str, run: Run) -> str:
    """Put pretrained weights into a network.

    Args:
        network: what they are for; may be the first part only of the network in the file.
        setting: ``pretrained``, ``random`` or a path, as in `PretrainedSettings`.
        source: where ``pretrained`` comes from.
        method: its name, for messages.
        run: for the log, progress and scratch folder.

    Returns:
        The file's sha256; empty for random weights.

    Raises:
        Skip: they are not in a cache and cannot be fetched.
        MethodError: a file is missing, damaged, or holds another network's weights.
    """
    if setting == "random":
        run.logger.warning("%s starts with random weights: it was never trained", source.what)
        return ""
    if setting == "pretrained":
        path = (
            _packaged(source)
            if source.package
            else _cached(source) or _fetched(source, method, run)
        )
        digest = _checked(path, source)
    else:
        path = Path(setting).expanduser()
        if not path.is_file():
            raise MethodError(
                f"{method}: weights={setting!r} is not a file",
                hint=f"give a .pth or .safetensors file, or --set {method}:weights=pretrained",
            )
        digest = file_hash(path)
    run.logger.info("weights of %s: %s, sha256 %s", source.what, path, digest)
    state = _read(path, source, run.scratch)
    if source.package:
        state = in_order(network.state_dict(), state, str(path))
    _fill(network, state, path, source)
    return digest


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hex."""
    return str(pooch.file_hash(str(path), alg="sha256"))


def _folders() -> list[Path]:
    """Folders that may hold weights; new ones are put into the first."""
    folders = [Path(torch.hub.get_dir()) / "checkpoints"]
    if named := os.environ.get("BENCH_CACHE"):
        folders.insert(0, Path(named).expanduser() / "weights")
    return folders


def _packaged(source: Source) -> Path:
    """The file inside the installed package.

    Raises:
        Skip: it is not installed.
    """
    try:
        from methods.shared.lite_weights import weights_file
    except ModuleNotFoundError as error:
        raise Skip(
            f"the weights of {source.what} are in package {error.name!r}, which is not installed; "
            "next: install the extra 'pretrained' (bench doctor has the command)"
        ) from error
    return weights_file()


def _cached(source: Source) -> Path | None:
    paths = [folder / source.file_name for folder in _folders()]
    return next((path for path in paths if path.is_file()), None)


def _fetched(source: Source, method: str, run: Run) -> Path:
    folder = _folders()[0]
    folder.mkdir(parents=True, exist_ok=True)
    partial = f".{uuid.uuid4().hex}"
    bar = _Bar(f"fetch {source.file_name}", run)
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            source.url,
            known_hash=None,  # pooch wants a whole hash; `_checked` takes the start of one
            fname=partial,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_S, chunk_size=2**16),
        )
    except requests.RequestException as error:
        raise Skip(
            f"the weights of {source.what} are in no cache, and {source.url} cannot be fetched "
            f"({type(error).__name__}); next: --set {method}:weights=PATH with a file of them, or "
            f"--set {method}:weights=random to do without"
        ) from error
    try:
        _checked(folder / partial, source)
        return (folder / partial).rename(folder / source.file_name)
    finally:
        (folder / partial).unlink(missing_ok=True)


def _checked(path: Path, source: Source) -> str:
    digest = file_hash(path)
    if not digest.startswith(source.sha256):
        raise MethodError(
            f"{path} has sha256 {digest}, the weights of {source.what} have {source.sha256}...",
            hint="remove it and run again; if it stays so, the publisher changed the file",
        )
    return digest


def _read(path: Path, source: Source, scratch: Path) -> dict[str, Tensor]:
    try:
        if source.member and path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                path = Path(archive.extract(source.member, scratch))
        state: dict[str, Any] = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # torch, pickle, zipfile and safetensors all raise their own
        raise MethodError(
            f"{path} cannot be read as weights of {source.what}: {error}",
            hint="give a state dict in a .pth or .safetensors file",
        ) from error
    return state


def _fill(network: nn.Module, state: dict[str, Tensor], path: Path, source: Source) -> None:
    own = {
        name: value.shape
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    lacking = [
        name for name, shape in own.items() if name not in state or state[name].shape != shape
    ]
    if lacking:
        raise MethodError(
            f"{path} holds no weights of {source.what}: {len(lacking)} of {len(own)} tensors are "
            f"missing or of another shape, the first is {lacking[0]}",
            hint="give a state dict of that network",
        )
    network.load_state_dict({name: state[name] for name in own}, strict=False)


class _Bar:
    """What pooch tells its progress bar, told to the run."""

    def __init__(self, note: str, run: Run) -> None:
        self.total = 0
        self._note, self._run, self._done = note, run, 0

    def update(self, count: int) -> None:
        self._done = min(self._done + count, self.total)
        self._run.progress(self._done, self.total, self._note)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing is left to do; pooch calls it."""
