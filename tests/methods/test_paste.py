import numpy as np
import pytest
import torch

from bench import registry
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.paste import ellipse, paste

DEFAULTS = ProxyAnoSettings.model_validate(registry.method("proxyano").config)
PLAIN = {
    "paste_feather": 0.0,
    "paste_gain": 0.0,
    "paste_offset": 0.0,
    "paste_noise": 0.0,
    "paste_opacity": 1.0,
    "paste_in_place": 0.0,
}


def settings(**changes):
    return DEFAULTS.model_copy(update=PLAIN | changes)


def sample(count=6, size=32):
    torch.manual_seed(0)
    masks = torch.zeros(count, size, size, dtype=torch.bool)
    masks[:, 4:28, 6:26] = True
    # Each pixel's value is its own, so that what was pasted can be traced.
    images = torch.arange(1, count * size * size + 1, dtype=torch.float32)
    images = images.reshape(count, 1, size, size) * masks[:, None]
    return -torch.ones_like(images) * masks[:, None], images, masks


def test_nothing_that_is_passed_in_changes():
    proxies, images, masks = sample()
    before = [one.clone() for one in (proxies, images, masks)]
    paste(proxies, images, masks, np.random.default_rng(0), settings(paste_count=5))
    assert all(map(torch.equal, before, (proxies, images, masks)))


@pytest.mark.parametrize("source", ["self", "another"])
def test_patches_come_from_the_source_and_stay_in_the_foreground(source):
    proxies, images, masks = sample()
    chosen = settings(paste_count=3, paste_source=source)
    pasted = paste(proxies, images, masks, np.random.default_rng(1), chosen)
    changed = pasted != proxies
    assert changed.any()
    assert not changed[:, 0][~masks].any()
    for i in range(len(images)):
        origin = (i + 1) % len(images) if source == "another" else i
        values = pasted[i][changed[i]]
        assert torch.isin(values, images[origin]).all()
        assert (values > 0).all()


def test_a_patch_is_an_ellipse_of_the_wanted_size():
    proxies, images, masks = sample(count=40)
    masks[:] = True
    images = images + 1
    chosen = settings(paste_count=1, paste_smallest=0.25, paste_largest=0.25)
    pasted = paste(proxies, images, masks, np.random.default_rng(2), chosen)
    areas = (pasted != proxies).sum(dim=(1, 2, 3)).tolist()
    assert set(areas) == {int(ellipse(8, 8, 0.0).sum())}


def test_small_patches_are_as_common_as_large_ones():
    proxies, images, masks = sample(count=300)
    masks[:] = True
    chosen = settings(paste_count=1, paste_smallest=0.1, paste_largest=0.9)
    pasted = paste(proxies, images + 1, masks, np.random.default_rng(2), chosen)
    heights = (pasted != proxies).any(dim=3).sum(dim=2)[:, 0] / 32
    assert 0.05 < heights.min() < 0.13
    assert 0.8 < heights.max() < 0.92
    assert heights.median() == pytest.approx(0.3, abs=0.05)  # the middle of their logarithms


def test_a_patch_in_place_changes_by_its_brightness_alone():
    _, images, masks = sample()
    images = images / images.max()
    chosen = settings(paste_count=3, paste_in_place=1.0)
    assert torch.equal(paste(images, images, masks, np.random.default_rng(1), chosen), images)
    brighter = settings(paste_count=1, paste_in_place=1.0, paste_offset=0.4)
    changed = paste(images, images, masks, np.random.default_rng(1), brighter) - images
    for one in changed:
        assert len(one[one != 0].round(decimals=1).unique()) == 1


def test_a_patch_covers_what_is_below_it_to_the_wanted_share():
    proxies, _, masks = sample(count=200)
    images = masks[:, None].float()  # crops are 1, and what is below is -1
    chosen = settings(paste_count=1, paste_opacity=0.5)
    opacities = (paste(proxies, images, masks, np.random.default_rng(4), chosen) + 1) / 2
    opacities = opacities.masked_fill(~masks[:, None], 0).amax(dim=(1, 2, 3))
    assert 0.5 <= opacities.min() < 0.55
    assert 0.95 < opacities.max() <= 1


def test_noise_is_added_within_patches_only_and_differs_between_images():
    _, _, masks = sample(count=30)
    images = masks[:, None].float()
    plain = settings(paste_count=1, paste_in_place=1.0)
    noisy = settings(paste_count=1, paste_in_place=1.0, paste_noise=0.2)
    hidden = settings(paste_count=1, paste_in_place=1.0, paste_offset=0.4)
    torch.manual_seed(0)
    added = paste(images, images, masks, np.random.default_rng(5), noisy) - images
    where = paste(images, images, masks, np.random.default_rng(5), hidden) != images
    assert torch.equal(paste(images, images, masks, np.random.default_rng(5), plain), images)
    assert not added[~where].any()
    assert 0.08 < added[where].std() < 0.2
    assert len(added.amax(dim=(1, 2, 3)).unique()) > 25


def test_an_ellipse_fades_along_the_wanted_share_of_its_radius():
    opacity = ellipse(41, 21, 0.5)
    assert opacity.dtype == np.float32
    assert np.array_equal(opacity, opacity[::-1, ::-1])
    centre = opacity[20]  # along a radius of 10.5 pixels
    radius = np.abs(np.arange(21) - 10) / 10.5
    assert centre == pytest.approx(np.clip(2 * (1 - radius), 0, 1), abs=1e-6)
    hard = ellipse(41, 21, 0.0)
    assert set(np.unique(hard)) == {0, 1}
    assert hard.sum() == pytest.approx(np.pi / 4 * 41 * 21, rel=0.03)
    assert ellipse(1, 1, 1.0).tolist() == [[1]]


def test_a_feathered_patch_lies_between_what_was_there_and_the_crop():
    proxies, _, masks = sample(count=30)
    images = 2.0 * masks[:, None]
    chosen = settings(paste_count=1, paste_feather=0.6, paste_smallest=0.3, paste_largest=0.5)
    pasted = paste(proxies, images, masks, np.random.default_rng(3), chosen)
    values = pasted[pasted != proxies]
    assert ((values > -1) & (values <= 2)).all()
    assert (values < 1.5).float().mean() > 0.3
    assert (values == 2).any()
    assert not (pasted != proxies)[:, 0][~masks].any()


def test_gain_and_offset_stay_within_their_ranges_and_fill_them():
    proxies, _, masks = sample(count=200)
    images = masks[:, None].float()
    chosen = settings(paste_count=1, paste_gain=1.0)
    gains = paste(proxies, images, masks, np.random.default_rng(4), chosen).amax(dim=(1, 2, 3))
    gains = gains[gains > 0].log()
    assert -1 <= gains.min() < -0.9
    assert 0.9 < gains.max() <= 1
    chosen = settings(paste_count=1, paste_offset=0.4)
    brightest = paste(proxies, images, masks, np.random.default_rng(4), chosen).amax(dim=(1, 2, 3))
    offsets = brightest[brightest > 0] - 1
    assert -0.4 <= offsets.min() < -0.35
    assert 0.35 < offsets.max() <= 0.4


def test_without_patches_the_proxies_come_back():
    proxies, images, masks = sample()
    pasted = paste(proxies, images, masks, np.random.default_rng(0), settings(paste_count=0))
    assert torch.equal(pasted, proxies)


def test_an_empty_foreground_gets_no_patch():
    proxies, images, masks = sample()
    masks[:] = False
    pasted = paste(proxies, images, masks, np.random.default_rng(0), settings(paste_count=4))
    assert torch.equal(pasted, proxies)


def test_the_same_generator_state_gives_the_same_patches():
    first, again = (
        paste(*sample(), np.random.default_rng(7), settings(paste_count=2)) for _ in range(2)
    )
    assert torch.equal(first, again)


def test_gradients_flow_through_what_is_not_covered():
    proxies, images, masks = sample()
    proxies.requires_grad_(True)
    pasted = paste(proxies, images, masks, np.random.default_rng(1), settings(paste_count=1))
    pasted.sum().backward()
    assert torch.equal(proxies.grad == 0, pasted.detach() != proxies.detach())
