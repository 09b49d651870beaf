"""The torch models of anomalib, driven raw; `make test-anomalib` runs these in their environment.

All start from random weights, and the network is shut.
"""

import importlib.util
import json
import logging
import re
import socket
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench import registry
from bench.conformance.contracts import CHECKS
from bench.conformance.trial import Trial
from bench.detector import Images, Skip
from bench.errors import MethodError
from conftest import ROOT
from fakes import tiny
from fakes.method_samples import normal_images, small_run
from methods.shared.efficientnet_lite import in_order
from methods.shared.lite_weights import trained_network

if importlib.util.find_spec("anomalib") is None:
    # No skip that BENCH_REQUIRE_ALL=1 turns into a failure: `make test` goes on to the
    # environment that has it, and there the import below fails if it is missing.
    pytest.skip("anomalib is not installed here; make test-anomalib", allow_module_level=True)

NAMES = [name for name in registry.load_methods() if name.startswith("anomalib-")]
UNNORMALISED = {"anomalib-draem", "anomalib-efficient-ad", "anomalib-ganomaly"}
BOUNDED = {
    "anomalib-fastflow": "minus a likelihood, from -1 to 0",
    "anomalib-stfpm": "a product of cosine distances of features that are 0 or more",
    "anomalib-ganomaly": "no map",
}


BEGIN_AGAIN = {"anomalib-dfm", "anomalib-padim", "anomalib-patchcore"}
"""They train nothing: a fit that was killed is repeated, one pass over the images."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host not in ("127.0.0.1", "localhost"):
            raise OSError(f"a test wants to reach {host}")

    def guarded_connect(self, address):
        if isinstance(address, tuple):
            refuse(address[0])
        return connect(self, address)

    def guarded_look_up(host, *more, **options):
        refuse(host)
        return look_up(host, *more, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


class TrainingOnly:
    """Normal images whose validation images must not be looked at."""

    def __init__(self, normal):
        self.images, self.masks = normal.images, normal.masks

    def __len__(self):
        return len(self.images)

    @property
    def validation(self):
        raise AssertionError("the validation images have a say in the scores")


def random_config(name):
    card = registry.method(name)
    wanted = {"weights": "random"} if "weights" in card.config else {}
    return registry.resolve_config(card, wanted)


@cache
def trial(name):
    """A trial whose detector never sees validation images; fitted once for all tests."""
    card = registry.method(name)
    found = registry.load_class(card)

    class Guarded(found):
        def fit(self, normal, run):
            super().fit(TrainingOnly(normal), run)

    return Trial(card, Guarded, random_config(name), 3)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in NAMES])
def test_contracts_and_rawness(name, caplog):
    for check in CHECKS.values():
        with caplog.at_level(logging.INFO, "bench.conformance"):
            check(trial(name))
    # Held by `resuming`: it kills a fit wherever it keeps a state, and compares the bytes.
    assert ("goes on from the checkpoint" in caplog.text) == (name not in BEGIN_AGAIN)
    same_as_by_hand(name)
    if name not in BOUNDED:
        nothing_is_clamped(name)


def test_the_readme_says_which_fits_go_on_after_a_kill():
    text = (ROOT / "methods/README.md").read_text(encoding="utf-8")
    said = text.partition("**A fit that is killed goes on.**")[2].partition("\n\n")[0]
    goes_on, _, begins_again = said.partition("Of anomalib's models these go on")[2].partition(";")
    assert {*re.findall("`(anomalib-[a-z-]+)`", goes_on)} == {*NAMES} - BEGIN_AGAIN
    assert {*re.findall("`(anomalib-[a-z-]+)`", begins_again)} == BEGIN_AGAIN


def same_as_by_hand(name):
    """Maps and scores are the torch model's own, image by image."""
    detector, images = trial(name).detector, trial(name).images
    found, network = trial(name).prediction, detector._network
    with torch.no_grad():
        by_hand = [call(name, network, batch(name, one)) for one in images.images]
    scores = np.array([float(score) for score, _ in by_hand])
    assert np.allclose(found.scores, scores, rtol=1e-3, atol=1e-5)
    assert np.array_equal(np.argsort(found.scores), np.argsort(scores))
    if found.maps is None:
        return
    for ours, (_, theirs) in zip(found.maps, by_hand, strict=True):
        theirs = theirs.reshape(1, 1, *theirs.shape[-2:])
        if theirs.shape[2:] != ours.shape:
            theirs = F.interpolate(theirs, ours.shape, mode="bilinear", antialias=True)
        assert np.allclose(ours, theirs[0, 0].numpy(), rtol=1e-3, atol=1e-5)
        assert np.corrcoef(ranks(ours), ranks(theirs.numpy()))[0, 1] > 0.999


def batch(name, image):
    one = torch.from_numpy(image.copy())[None]
    side = {"anomalib-efficient-ad": 256, "anomalib-dfm": 128}.get(name, 32)
    if side != 32:
        one = F.interpolate(one, (side, side), mode="bilinear")
    if name == "anomalib-ganomaly":
        return one * 2 - 1
    if name not in UNNORMALISED:
        mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        one = (one - mean[:, None, None]) / sd[:, None, None]
    return one


def call(name, network, images):
    """Score and map of the torch model, brought to the scale of ours where that is stated."""
    if name == "anomalib-cflow":
        return cflow_by_hand(network, images)
    found = network(images)
    if name == "anomalib-draem":  # theirs is the softmax of our logits
        logits = torch.logit(found.anomaly_map.double())
        return logits.max(), logits.float()
    return found.pred_score, found.anomaly_map


def cflow_by_hand(network, images):
    """Our map has, level by level, the order of theirs for a batch of one image."""
    from anomalib.models.image.cflow.anomaly_map import AnomalyMapGenerator

    caught = {}
    hook = network.anomaly_map_generator.register_forward_hook(
        lambda module, args, given, result: caught.update(given), with_kwargs=True
    )
    ours = network(images).anomaly_map
    hook.remove()
    total = torch.zeros_like(ours)
    for values, height, width in zip(
        caught["distribution"], caught["height"], caught["width"], strict=True
    ):
        level = -values.reshape(1, 1, height, width)
        theirs = AnomalyMapGenerator(("one",))(
            distribution=[values], height=[height], width=[width], image_size=None
        )
        assert torch.equal(level.flatten().argsort(), theirs.flatten().argsort())
        total += F.interpolate(level, ours.shape[2:], mode="bilinear", align_corners=True)
    return total.max(), total


def ranks(values):
    return np.argsort(np.argsort(values.ravel(), kind="stable"), kind="stable")


def nothing_is_clamped(name):
    """A far brighter image gets values beyond 0 to 1, and its neighbours keep theirs."""
    usual = trial(name).images
    images, masks = usual.images.copy(), usual.masks.copy()
    images[0] = images[0] * 100
    found = trial(name).detector.predict(Images(images, masks))
    assert found.maps[0].max() > 1 or found.maps[0].min() < 0
    assert np.array_equal(found.maps[1:], trial(name).prediction.maps[1:])
    assert len(np.unique(found.maps[1:])) > 0.5 * found.maps[1:].size or name == "anomalib-dfm"


# --- pretrained weights -----------------------------------------------------------------------


@pytest.fixture
def backbone(tmp_path):
    """The file of a whole classifier, as it is published."""
    import timm

    torch.manual_seed(3)
    path = tmp_path / "resnet18.pth"
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), path)
    return path


def padim(**settings):
    card = registry.method("anomalib-padim")
    return registry.load_class(card)(registry.resolve_config(card, settings))


def test_weights_from_a_file_are_those_of_the_backbone(backbone, tmp_path):
    detector = padim(weights=str(backbone))
    detector.fit(normal_images(channels=3), small_run(tmp_path))
    state = torch.load(backbone, weights_only=True)
    inner = detector._network.feature_extractor.feature_extractor.state_dict()
    assert {name for name in state if name not in inner} >= {"fc.weight", "layer4.0.conv1.weight"}
    assert all(torch.equal(value, state[name]) for name, value in inner.items())

    folder = tmp_path / "fit"
    folder.mkdir()
    detector.save(folder)
    padim(weights=str(backbone)).load(folder)
    state["conv1.weight"] += 1
    torch.save(state, backbone)
    with pytest.raises(MethodError, match="began with other weights"):
        padim(weights=str(backbone)).load(folder)
    backbone.unlink()
    padim(weights=str(backbone)).load(folder)  # nothing but the fit is needed


LITE = "tf_efficientnet_lite0"


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("padim", "feature_extractor"),
        ("patchcore", "feature_extractor"),
        ("dfm", "feature_extractor"),
        ("cflow", "encoder"),
    ],
)
def test_the_package_gives_weights_to_the_lite_backbone(name, inner, tmp_path):
    card = registry.method(f"anomalib-{name}")
    config = registry.resolve_config(card, {"backbone": LITE})
    assert config["weights"] == "pretrained"
    detector = registry.load_class(card)(config)
    normal = normal_images(channels=3)
    detector.fit(normal, small_run(tmp_path))
    state = getattr(detector._network, inner).feature_extractor.state_dict()
    ours = trained_network()
    assert torch.equal(state["conv_stem.weight"], ours.stem[0].weight)
    deep = [key for key in state if key.startswith("blocks.4.") and key.endswith("conv_dw.weight")]
    assert torch.equal(state[deep[0]], ours.stages[4][0].layers[3].weight)
    found = detector.predict(Images(normal.images, normal.masks))
    assert np.isfinite(found.scores).all()
    with torch.no_grad():
        given = detector._input(torch.full((1, 3, 64, 64), 0.5))
    assert given.abs().max() == 0  # the middle of -1 to 1


def test_our_lite_network_is_timms(tmp_path):
    import timm

    theirs, ours = timm.create_model(LITE, pretrained=False).eval(), trained_network()
    theirs.load_state_dict(in_order(theirs.state_dict(), ours.state_dict(), "ours"), strict=False)
    for side in (64, 97):
        images = torch.randn(2, 3, side, 65, generator=torch.Generator().manual_seed(side))
        with torch.no_grad():
            torch.testing.assert_close(ours(images), theirs(images), atol=1e-5, rtol=0)


def test_other_weights_and_missing_files_are_refused(backbone, tmp_path):
    normal, run = normal_images(channels=3), small_run(tmp_path)
    with pytest.raises(MethodError, match="holds no weights of wide_resnet50_2"):
        padim(weights=str(backbone), backbone="wide_resnet50_2").fit(normal, run)
    with pytest.raises(MethodError, match="is not a file"):
        padim(weights=str(tmp_path / "none.pth")).fit(normal, run)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(MethodError, match="cannot be read as weights"):
        padim(weights=str(tmp_path / "text.pth")).fit(normal, run)


@pytest.mark.parametrize("name", [n for n in NAMES if "weights" in registry.method(n).config])
def test_without_weights_and_network_a_cell_is_skipped_with_both_ways_out(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    card = registry.method(name)
    detector = registry.load_class(card)(registry.resolve_config(card, {}))
    with pytest.raises(Skip) as skipped:
        detector.fit(normal_images(channels=3), small_run(tmp_path))
    assert f"--set {name}:weights=PATH" in str(skipped.value)
    assert f"--set {name}:weights=random" in str(skipped.value)
    assert "https://" in str(skipped.value)


@pytest.fixture
def server(tmp_path):
    """A folder that is served on this machine."""
    import http.server
    import threading
    from functools import partial

    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as on:
        threading.Thread(target=on.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{on.server_port}"
        on.shutdown()


def test_weights_are_fetched_once_with_progress_and_checked(server, tmp_path, monkeypatch):
    from methods.anomalib.pretrained import Source, file_hash, give_weights

    folder, address = server
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    network = torch.nn.Linear(300, 300)
    torch.save(network.state_dict(), folder / "net-12.pth")
    digest = file_hash(folder / "net-12.pth")
    source = Source("a net", f"{address}/net-12.pth", digest[:8])
    told = []
    run = small_run(tmp_path, progress=lambda *one: told.append(one))

    other = torch.nn.Linear(300, 300)
    assert give_weights(other, "pretrained", source, "m", run) == digest
    assert torch.equal(other.weight, network.weight)
    assert told[-1][0] == told[-1][1] == (folder / "net-12.pth").stat().st_size
    (folder / "net-12.pth").unlink()
    give_weights(other, "pretrained", source, "m", run)  # from the cache
    kept = tmp_path / "cache" / "weights" / "net-12.pth"
    assert [path.name for path in kept.parent.iterdir()] == ["net-12.pth"]

    kept.write_bytes(kept.read_bytes() + b"damage")
    with pytest.raises(MethodError, match="has sha256"):
        give_weights(other, "pretrained", source, "m", run)
    kept.rename(folder / "net-12.pth")
    with pytest.raises(MethodError, match="has sha256"):
        give_weights(other, "pretrained", source, "m", run)
    assert not list(kept.parent.iterdir())


def test_what_is_published_is_known_with_its_hash():
    from methods.anomalib.pretrained import imagenet, teacher
    from methods.anomalib.settings import WIDEST

    for source in [*map(imagenet, WIDEST), teacher("small"), teacher("medium")]:
        assert source.package or source.url.startswith("https://")
        assert len(source.sha256) >= 8
        assert set(source.sha256) <= set("0123456789abcdef")


def test_a_teacher_is_read_from_the_published_archive(tmp_path):
    import zipfile

    from methods.anomalib.library import EfficientAdModel
    from methods.anomalib.pretrained import give_weights, teacher

    published, empty = EfficientAdModel().teacher, EfficientAdModel().teacher
    torch.save(published.state_dict(), tmp_path / "teacher.pth")
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.write(tmp_path / "teacher.pth", teacher("small").member)
    for given in ("weights.zip", "teacher.pth"):
        give_weights(empty, str(tmp_path / given), teacher("small"), "m", small_run(tmp_path))
        assert torch.equal(empty.conv1.weight, published.conv1.weight)
        torch.nn.init.zeros_(empty.conv1.weight)


# --- as a user runs them ----------------------------------------------------------------------


def test_the_table_shows_that_weights_were_random(tmp_path):
    tiny.make_volumes(tmp_path / "data")
    tiny.write_card(tmp_path)
    arguments = ["run", "-m", "anomalib-padim", "-t", "tiny/t1", "-b", "smoke"]
    arguments += ["--set", "anomalib-padim:weights=random", "--data-dir", "data"]
    done = tiny.bench(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "weights=random" in done.stdout
    assert "Warning" not in done.stderr
    (record,) = (tmp_path / "results").rglob("tiny/t1/anomalib-padim/*.json")
    content = json.loads(record.read_text())
    assert content["status"] == "done"
    assert content["config"] == {"weights": "random"}
    assert content["adapted"] == ["grey repeated to 3 channels"]
