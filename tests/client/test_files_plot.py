"""Overlays are drawn for every kind of result, and without pyplot's global state."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from elitscope.files import FileUnwritable, overlay_png
from tests.client.analysed import a_result, some_atoms, some_hotspots

RNG = np.random.default_rng(3)


def drawn(tmp_path, pixels, result, **options):
    path = overlay_png(tmp_path / "overlay.png", pixels, result, **options)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def one_class(shape, **changes):
    maps = {"mean": RNG.random((1, *shape), np.float32), "std": RNG.random((1, *shape), np.float32), "classes": ("C",)}
    return a_result(shape=shape, **{**maps, "atoms": some_atoms(30, shape, classes=1), **changes})


@pytest.mark.parametrize(
    ("changes", "panels"),
    [({}, 3), ({"std": None}, 2), ({"mean": None, "std": None}, 1)],
    ids=["everything", "one member: no spread", "atoms only"],
)
def test_each_map_that_is_there_gets_a_panel(tmp_path, changes, panels):
    image = drawn(tmp_path, RNG.poisson(9, (80, 80)), one_class((80, 80), **changes))
    height, width, _ = image.shape
    assert 700 < height < 1100
    assert panels * 700 < width < panels * 900


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((64, 64)),
        np.full((64, 64), np.nan),
        np.where(RNG.random((64, 64)) < 0.1, np.inf, 1.0),
        RNG.integers(0, 2**32, (64, 64), np.uint32),
        RNG.normal(size=(64, 64)).astype(np.float16),
        RNG.integers(0, 2, (200, 13)).astype(np.int8),
        RNG.random((13, 200)),
        RNG.random((1, 1)),
    ],
    ids=["flat", "all NaN", "infinities", "uint32", "float16", "tall", "wide", "one pixel"],
)
@pytest.mark.filterwarnings("error")
def test_any_frame_can_be_drawn(tmp_path, pixels):
    image = drawn(tmp_path, pixels, one_class(pixels.shape))
    assert image.std() > 1


def test_hotspots_are_drawn_on_the_spread(tmp_path):
    result, pixels = one_class((80, 80)), np.zeros((80, 80))
    with_them, without = (drawn(tmp_path, pixels, replace(result, hotspots=found)) for found in (some_hotspots(), None))
    columns = np.nonzero((with_them != without).any(axis=(0, 2)))[0]
    assert columns.min() > 2 * with_them.shape[1] / 3


def test_atoms_are_drawn_where_they_are(tmp_path):
    atoms = some_atoms(1, (100, 100), classes=1)
    atoms["row"], atoms["column"], atoms["support"] = 20, 75, 1
    maps = {"mean": None, "std": None, "sampling": (0.1, 0.1)}
    image = drawn(tmp_path, np.zeros((100, 100)), one_class((100, 100), atoms=atoms, **maps))
    empty = drawn(tmp_path, np.zeros((100, 100)), one_class((100, 100), atoms=atoms[:0], **maps))
    panel = slice(120, 870), slice(36, 804)  # below the text, above the legend
    rows, columns = np.nonzero(np.abs(image - empty).sum(axis=2)[panel])
    assert np.median(rows) / 768 * 100 == pytest.approx(20, abs=2)
    assert np.median(columns) / 768 * 100 == pytest.approx(75, abs=2)


def test_support_shows_as_opacity(tmp_path):
    def strength(support):
        atoms = some_atoms(40, (100, 100), classes=1)
        atoms["support"] = support
        images = [drawn(tmp_path, np.zeros((100, 100)), one_class((100, 100), atoms=a, mean=None, std=None)) for a in (atoms, atoms[:0])]
        return np.abs(images[0] - images[1])[120:870].sum()

    assert strength(1.0) > 1.5 * strength(0.2)


def test_a_pixel_that_is_not_square_is_drawn_so(tmp_path):
    result = one_class((50, 100), mean=None, std=None, sampling=(0.2, 0.1))
    height, width, _ = drawn(tmp_path, RNG.random((50, 100)), result).shape
    assert height > 0.95 * width


@pytest.mark.parametrize("atoms", [0, 1, 20_000])
@pytest.mark.parametrize("sigma_scale", [None, 5.0])
def test_no_atoms_and_very_many_can_be_drawn(tmp_path, atoms, sigma_scale):
    result = a_result(shape=(256, 256), atoms=atoms)
    assert drawn(tmp_path, RNG.random((256, 256)), result, sigma_scale=sigma_scale, title="movie $\\frac$ _x_").size


def test_huge_frames_are_averaged_down_before_drawing(tmp_path):
    pixels = np.zeros((3000, 3100), np.uint8)
    pixels[:, 1550:] = 200
    image = drawn(tmp_path, pixels, a_result(shape=pixels.shape, mean=None, std=None, member_maps=None, atoms=None))
    assert image[400, 200].mean() < 30
    assert image[400, 600].mean() > 200


def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileUnwritable, match=r"nowhere.*No such file"):
        overlay_png(tmp_path / "nowhere" / "a.png", np.zeros((8, 8)), a_result(shape=(8, 8)))


def test_pyplot_is_never_loaded(tmp_path):
    code = (
        "import sys, numpy as np; sys.path.insert(0, sys.argv[2]);"
        "from elitscope.files import overlay_png; from tests.client.analysed import a_result;"
        "overlay_png(sys.argv[1], np.eye(24, 32), a_result()); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.png"), "."], check=True)
