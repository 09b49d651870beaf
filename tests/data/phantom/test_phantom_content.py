"""What is in the phantom: anatomy, contrast, and lesions as measured on patients."""

import numpy as np
import pytest
from scipy import ndimage

from bench.data.phantom.brain.anatomy import build_anatomy, node_places
from bench.data.phantom.brain.contrast import scan
from bench.data.phantom.brain.fields import SHAPE, stream
from bench.data.phantom.brain.glioma import glioma, plan_mass
from bench.data.phantom.brain.lesions import FORBIDDEN, grow, no_lesions
from bench.data.phantom.brain.ms import PATIENTS, VOLUMES_MM3, _volumes, ms_lesions
from bench.data.phantom.brain.subjects import SUBJECTS

TOUCHING = np.ones((3, 3, 3))
VOXEL_MM3 = 8


class Made:
    """One subject with everything that its files do not say."""

    def __init__(self, name: str) -> None:
        self.subject = SUBJECTS[name]
        places = node_places(name)
        self.mass = plan_mass(self.subject, places) if self.subject.kind == "glioma" else None
        pushed = None if self.mass is None else self.mass.origin_of
        self.anatomy = build_anatomy(name, places, pushed)
        if self.mass is not None:
            self.lesions = glioma(name, self.mass, self.anatomy)
        elif self.subject.kind == "ms":
            self.lesions = ms_lesions(self.subject, self.anatomy)
        else:
            self.lesions = no_lesions()
        self.scans = {m: scan(name, m, self.anatomy, self.lesions) for m in ("T1", "T2")}


@pytest.fixture(scope="module")
def normal():
    return Made("test-normal-01")


@pytest.fixture(scope="module")
def ms():
    return [Made("test-ms-01"), Made("test-ms-05")]


@pytest.fixture(scope="module")
def tumour():
    return Made("test-glioma-03")


def test_background_is_zero_and_the_brain_is_one_piece(normal, ms, tumour):
    for one in (normal, *ms, tumour):
        brain = one.anatomy.brain
        assert ndimage.label(brain)[1] == 1
        assert 1.0e6 < brain.sum() * VOXEL_MM3 < 2.0e6
        for volume in one.scans.values():
            assert np.all(volume[~brain] == 0)
            assert np.all(volume[brain] > 0)
            assert np.isfinite(volume).all()


def test_tissue_shares(normal):
    found = normal.anatomy
    for share in (found.grey, found.white, found.fluid):
        assert share.min() >= -1e-5
        assert share.max() <= 1 + 1e-5
    means = [float(one[found.brain].mean()) for one in (found.grey, found.white, found.fluid)]
    assert 0.4 < means[0] < 0.65
    assert 0.25 < means[1] < 0.5
    assert 0.05 < means[2] < 0.2
    mixed = (found.grey > 0.1) & (found.white > 0.1)
    assert mixed[found.brain].mean() > 0.1, "partial volume"


def test_contrast_of_tissues(normal):
    found, scans = normal.anatomy, normal.scans
    pure = [share > 0.95 for share in (found.fluid * found.brain, found.grey, found.white)]
    t1 = [np.median(scans["T1"][one]) for one in pure]
    t2 = [np.median(scans["T2"][one]) for one in pure]
    assert t1[0] < t1[1] < t1[2]
    assert t2[0] > t2[1] > t2[2]


def test_normal_subjects_have_no_lesion(normal):
    assert normal.lesions.label.shape == SHAPE
    assert not normal.lesions.label.any()


def test_lesions_are_dark_on_t1_and_bright_on_t2_in_white_matter(ms, tumour):
    for one in (*ms, tumour):
        inside = one.lesions.label
        assert not (inside & ~one.anatomy.brain).any()
        far = ~ndimage.binary_dilation(inside, TOUCHING, iterations=3)
        white = (one.anatomy.white > 0.95) & far
        core = inside & (one.lesions.share > 0.8)
        assert np.median(one.scans["T1"][core]) < 0.92 * np.median(one.scans["T1"][white])
        assert np.median(one.scans["T2"][core]) > 1.2 * np.median(one.scans["T2"][white])


def test_ms_lesions_lie_in_tissue_and_mostly_in_white_matter(ms):
    for one in ms:
        inside = one.lesions.label
        assert one.anatomy.fluid[inside].max() < 0.5
        assert one.anatomy.white[inside].mean() > 0.6
        assert one.anatomy.edge_mm[inside].min() > 4


def test_ms_lesions_have_the_measured_sizes(ms):
    for one in ms:
        planned = list(_volumes(stream_after_noise(one), one.subject.rank))
        labels, count = ndimage.label(one.lesions.label, TOUCHING)
        volumes = np.bincount(labels.ravel())[1:] * VOXEL_MM3
        assert volumes.sum() == pytest.approx(sum(planned), rel=0.1)
        assert volumes.max() == pytest.approx(max(planned), rel=0.35)
        assert len(planned) * 0.9 <= count <= len(planned) * 1.4
        assert PATIENTS[:, 1].min() <= volumes.sum() <= PATIENTS[:, 1].max()


def stream_after_noise(made):
    """The stream of a subject's lesions where their volumes are drawn."""
    rng = stream(made.subject.name, "ms")
    for _ in range(2):
        rng.standard_normal(SHAPE, dtype=np.float32)
    return rng


def test_loads_of_the_test_subjects_cover_the_patients():
    loads = sorted(
        sum(_volumes(np.random.default_rng(0), SUBJECTS[f"test-ms-{n:02d}"].rank))
        for n in range(1, 9)
    )
    assert loads[0] < 2000
    assert loads[-1] > 40000
    assert np.median(PATIENTS[:, 1]) == pytest.approx(np.median(loads), rel=0.5)


@pytest.mark.parametrize("rank", [0.0, 0.31, 0.5, 0.77, 0.999])
def test_volumes_meet_the_load(rank):
    rng = np.random.default_rng(3)
    volumes = list(_volumes(rng, rank))
    place = rank * (len(PATIENTS) - 1)
    expected = np.exp(np.interp(place, np.arange(len(PATIENTS)), np.log(PATIENTS[:, 1])))
    assert min(volumes) >= 8 - 1e-9
    assert volumes == sorted(volumes, reverse=True)
    assert sum(volumes) == pytest.approx(expected, rel=0.25)


def test_glioma_has_parts_and_pushes(tumour):
    found, anatomy, mass = tumour.lesions, tumour.anatomy, tumour.mass
    assert found.label.sum() * VOXEL_MM3 / 1000 == pytest.approx(mass.total_ml, rel=0.03)
    assert 0.02 < found.label.sum() / anatomy.brain.sum() < 0.12
    t1 = found.signal["T1"][found.label]
    assert np.mean(t1 < 0.5) > 0.02, "necrosis"
    assert np.mean(t1 > 0.65) > 0.4, "oedema and rim"
    labels, _ = ndimage.label(found.label, TOUCHING)
    assert np.bincount(labels.ravel())[1:].max() > 0.9 * found.label.sum(), "one lesion"
    # Tissue at the border of the core, towards the midline, was nearer to the centre before.
    inward = np.array([-np.sign(mass.centre_mm[0]) * mass.radius_mm, 0, 0], dtype=np.float32)
    border = (mass.centre_mm + inward).reshape(3, 1, 1, 1)
    before = mass.origin_of(border).ravel() - mass.centre_mm
    assert 0.3 < np.linalg.norm(before) / mass.radius_mm < 0.9
    outside = np.array([0, 0, 110], dtype=np.float32).reshape(3, 1, 1, 1)
    assert np.array_equal(mass.origin_of(outside), outside), "the skull gives no way"


def test_glioma_spreads_along_white_matter(tumour):
    around = ndimage.binary_dilation(tumour.lesions.label, TOUCHING, iterations=3)
    rim = around & ~tumour.lesions.label & tumour.anatomy.brain
    white = tumour.anatomy.white
    assert white[tumour.lesions.label].mean() > white[rim].mean() + 0.1


def test_intensity_alone_does_not_solve_it(ms):
    from bench.metrics import auroc

    one = ms[0]
    brain = one.anatomy.brain
    found = auroc(one.lesions.label[brain], one.scans["T2"][brain])
    assert 0.6 < found < 0.9


# --- growing ------------------------------------------------------------------------------------


def test_grow_fills_the_highest_and_no_forbidden_voxel():
    potential = np.array([5, 4, 3, 2, 1, FORBIDDEN], dtype=np.float32)
    label, share = grow(potential, 3, softness=0.5)
    assert label.tolist() == [True, True, True, False, False, False]
    assert np.array_equal(share > 0.5, label)
    label, share = grow(potential, 10, softness=0.5)
    assert label.tolist() == [True] * 5 + [False]
    assert share[5] == 0


def test_grow_on_forbidden_ground():
    label, share = grow(np.full((2, 2, 2), FORBIDDEN), 3, softness=1.0)
    assert not label.any()
    assert not share.any()


# --- where the constants come from --------------------------------------------------------------


def test_constants_are_what_the_masks_say(shared_data):
    import nibabel

    masks = sorted((shared_data / "mslub-masks").glob("*.nii.gz"))
    masks += sorted((shared_data / "mslub").glob("cross_sectional/MNI/*/GOLD*.nii.gz"))
    patients, everything = [], []
    for path in masks:
        labels, _ = ndimage.label(np.asarray(nibabel.load(path).dataobj) > 0, TOUCHING)
        volumes = np.bincount(labels.ravel())[1:]
        volumes = volumes[volumes >= 8]
        everything.extend(volumes)
        patients.append((len(volumes), volumes.sum(), volumes.max()))
    assert np.array_equal(sorted(patients, key=lambda row: row[1]), PATIENTS)
    assert np.quantile(everything, np.linspace(0, 1, 21)).round().tolist() == list(VOLUMES_MM3)
