"""Weights of the torch models of anomalib: from a file, a package, a cache or a server.

The network is shut, but for a server of the test itself.
"""

import importlib.util
import json

import numpy as np
import pytest
import torch

from bench import registry
from bench.detector import Images, Skip
from bench.errors import MethodError
from fakes import tiny
from fakes.method_samples import normal_images, small_run
from fakes.no_network import shut_the_network
from methods.shared.efficientnet_lite import in_order
from methods.shared.lite_weights import trained_network

if importlib.util.find_spec("anomalib") is None:
    # No skip that BENCH_REQUIRE_ALL=1 turns into a failure: `make test` goes on to the
    # environment that has it, and there the import below fails if it is missing.
    pytest.skip("anomalib is not installed here; make test-anomalib", allow_module_level=True)

NAMES = [name for name in registry.load_methods() if name.startswith("anomalib-")]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    shut_the_network(monkeypatch)


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
