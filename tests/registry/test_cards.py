import pytest

from bench import registry
from bench.cards import DatasetCard, MethodCard, parse_card, read_card
from bench.errors import CardError
from conftest import ROOT


def a_card(**changes):
    content = {
        "name": "toy",
        "title": "Toy",
        "version": 1,
        "description": "d",
        "licence": "CC0",
        "citation": "none",
        "layouts": [{"name": "plain", "title": "p", "images": {"T1": "{subject}.nii.gz"}}],
        "splits": {"train": {"subjects": "rest", "rule": "all"}},
    }
    return {**content, **changes}


def parse(**changes):
    return parse_card(a_card(**changes), DatasetCard, where="toy.toml")


def test_a_plain_card_is_read():
    assert parse().splits["train"].subjects == "rest"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"licens": "x"}, ["unknown key 'licens'", "did you mean 'licence'"]),
        (
            {"splits": {"train": {"subjcts": "rest", "rule": "all"}}},
            ["unknown key 'splits.train.subjcts'", "did you mean 'subjects'"],
        ),
        (
            {"layouts": [{"name": "p", "title": "p", "images": {"T1": "x"}, "maks": "m"}]},
            ["unknown key 'layouts.0.maks'", "did you mean 'mask'"],
        ),
        ({"version": 0}, ["version", "must be 1 or more (found 0)"]),
        ({"name": "Not Kebab"}, ["name", "pattern"]),
        (
            {"tasks": {"t1": {"title": "t", "channels": ["T1"], "test": "nowhere"}}},
            ["'t1'", "'nowhere'"],
        ),
        (
            {
                "splits": {
                    "train": {"subjects": ["1", "2"], "rule": "r"},
                    "validation": {"subjects": ["2"], "rule": "r"},
                }
            },
            ["both train and validation", "2"],
        ),
        (
            {"preparation": {"spacing_mm": [1, 2, 1], "grid": [32, 32, 32]}},
            ["preparation", "grid and spacing_mm must be square in x and y"],
        ),
        (
            {"preparation": {"foreground": "whole", "percentiles": [99, 1]}},
            ["preparation", "percentiles must rise within 0 to 100"],
        ),
        (
            {"mirror": {"url": "https://example.org/x.git", "folders": ["a/../../b"]}},
            ["mirror", "folder 'a/../../b' of the mirror must be relative, without .."],
        ),
        (
            {"tasks": {"t1": {"title": "t", "channels": ["T1"], "test": "train"}}},
            ["task 't1' needs a [preparation]"],
        ),
        (
            {"splits": {"train": {"subjects": {"of": 5, "take": [0, 5]}, "rule": "r"}}},
            ["splits.train.subjects", "take must lie within 0 to 4"],
        ),
    ],
    ids=str,
)
def test_faults_are_named_with_the_nearest_allowed_key(changes, words):
    with pytest.raises(CardError) as caught:
        parse(**changes)
    for word in ["toy.toml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (
            {"kind": "images", "images": {"T1": "{class}/{subject}-{image}.png"}},
            "layout 'plain': {class} needs normal or abnormal classes",
        ),
        (
            {"label": "{subject}-label.nii.gz", "lesion": [1, 2], "ignore": [2, 9]},
            "layout 'plain': value 2 is in lesion and in ignore",
        ),
    ],
    ids=["classes without names", "one value twice"],
)
def test_a_layout_that_contradicts_itself_is_refused(layout, said):
    with pytest.raises(CardError) as caught:
        parse(layouts=[{**a_card()["layouts"][0], **layout}])
    assert said in str(caught.value)


def test_two_faults_are_reported_together():
    with pytest.raises(CardError, match=r"\n  unknown key 'licens'.*\n  unknown key 'titel'"):
        parse(licens="x", titel="y")


def test_alias_class_is_offered_not_the_field_name():
    with pytest.raises(CardError, match="class"):
        parse_card({"clas": "a:B"}, MethodCard, where="m.toml")


def test_a_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("a = [")
    with pytest.raises(CardError, match=r"bad\.toml is not valid TOML"):
        read_card(path, DatasetCard)


def test_what_stands_in_the_place_of_a_card_is_named(tmp_path):
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(CardError, match=r"folder\.toml cannot be read: Is a directory"):
        read_card(folder, DatasetCard)
    large = tmp_path / "large.toml"
    with large.open("wb") as handle:
        handle.truncate(10_000_001)
    with pytest.raises(CardError, match=r"large\.toml has more than 10000000 bytes"):
        read_card(large, DatasetCard)


def test_every_shipped_card_is_valid_and_knows_its_protocols():
    protocols = registry.load_protocols()
    datasets = registry.load_datasets()
    assert {"phantom", "mslub", "ixi", "oasis1-healthy"} <= set(datasets)
    for name, task in registry.all_tasks().items():
        assert set(task.protocols) <= set(protocols), name
        headline = task.headline
        assert headline.protocol in task.protocols, name
        assert headline.metric in protocols[headline.protocol].metrics, name
        assert task.train_on is None or task.train_on in datasets, name


def test_every_shipped_method_and_row_is_valid():
    methods = registry.load_methods()
    assert {"random", "intensity", "equalized", "gaussian", "ae", "proxyano"} <= set(methods)
    rows = registry.load_rows()
    assert rows[0].title.startswith("MSLUB T1")
    ours = {value.ours for row in rows for value in row.values if value.ours}
    assert "proxyano" in ours
    assert ours <= set(methods), "a row names a method that there is no card of"
    for card in methods.values():
        assert registry.resolve_config(card, {}) == card.config


def test_two_cards_of_one_name_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.toml").write_text(
            f'name="twin"\ntitle="{name}"\nversion=1\ndescription="d"\nlicence="l"\ncitation="c"\n'
            '[[layouts]]\nname="p"\ntitle="p"\n[layouts.images]\nT1="{subject}.nii"\n'
            '[splits.train]\nsubjects="rest"\nrule="r"\n'
        )
    monkeypatch.chdir(tmp_path)
    registry.load_datasets.cache_clear()
    try:
        with pytest.raises(CardError, match=r"two dataset cards are named 'twin'"):
            registry.dataset("twin")
        assert registry.dataset("ixi")
    finally:
        registry.load_datasets.cache_clear()


def test_a_second_copy_of_a_shipped_card_is_no_second_card(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    folder.mkdir()
    shipped = ROOT / "datasets" / "ixi.toml"
    (folder / "ixi.toml").write_bytes(shipped.read_bytes())
    monkeypatch.chdir(tmp_path)
    registry.load_datasets.cache_clear()
    try:
        assert "ixi" in registry.load_datasets()
        (folder / "ixi.toml").write_text(shipped.read_text(encoding="utf-8") + "# mine\n")
        registry.load_datasets.cache_clear()
        with pytest.raises(CardError, match=r"two dataset cards are named 'ixi'"):
            registry.dataset("ixi")
        assert "mslub" in registry.load_datasets()
    finally:
        registry.load_datasets.cache_clear()
