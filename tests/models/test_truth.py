"""Files of frames with known atoms: what is written is read, what is none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import movie
from elitscope_models.truth import KnownFrame, TruthInvalid, discs, from_simulated, read_truth, write_truth


def frames() -> list[KnownFrame]:
    return [from_simulated(frame) for frame in movie(shape=(64, 72), frames=3, drift="contamination", seed=2)]


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"truth{suffix}"
    assert write_truth(path, frames(), ("C", "Si")) == 3
    for known, read in zip(frames(), read_truth(path), strict=True):
        assert (read.sampling, read.segment, read.classes) == (known.sampling, "contamination", ("C", "Si"))
        for name in ("pixels", "positions", "class_ids", "visible"):
            assert np.array_equal(getattr(read, name), getattr(known, name))


def test_atoms_under_thick_contamination_are_not_visible() -> None:
    last = frames()[-1]
    assert last.visible.any()
    assert not last.visible.all()


def test_a_file_from_elsewhere_needs_only_frames_sampling_and_places(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, frames=np.zeros((2, 8, 8), np.uint8), sampling=[0.1, 0.2], frame=[1, 1], row=[1.0, 2.0], col=[3.0, 4.0])
    first, second = read_truth(path)
    assert (len(first.positions), second.positions.tolist()) == (0, [[1.0, 3.0], [2.0, 4.0]])
    assert second.visible.tolist() == [True, True]
    assert second.classes == ()


@pytest.mark.parametrize(
    ("arrays", "ids", "names"),
    [
        ({"Z": [14, 6, 6]}, [1, 0, 0], ("Z=6", "Z=14")),
        ({"cls": [1, 0, 2], "class_names": ["A", "B", "Ni"]}, [1, 0, 2], ("A", "B", "Ni")),
    ],
    ids=["atomic numbers", "classes by another name"],
)
def test_classes_have_several_names(tmp_path: Path, arrays: dict[str, list[object]], ids: list[int], names: tuple[str, ...]) -> None:
    path, places = tmp_path / "other.npz", [1.0, 2.0, 3.0]
    np.savez(
        path,
        frames=np.zeros((1, 8, 8)),
        sampling=[0.1],
        frame=[0] * 3,
        row=places,
        col=places,
        **{k: np.array(v) for k, v in arrays.items()},
    )
    (frame,) = read_truth(path)
    assert (frame.class_ids.tolist(), frame.classes) == (ids, names)


def test_what_is_no_truth_is_refused_with_a_reason(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", frames=np.zeros((1, 8, 8)))
    (tmp_path / "b.h5").write_bytes(b"nothing")
    with pytest.raises(TruthInvalid, match="no sampling, frame, row, column"):
        next(read_truth(tmp_path / "a.npz"))
    with pytest.raises(TruthInvalid, match="can't be read"):
        next(read_truth(tmp_path / "b.h5"))
    with pytest.raises(TruthInvalid, match="unknown"):
        write_truth(tmp_path / "c.csv", frames(), ("C",))
    with pytest.raises(TruthInvalid, match="0 frames"):
        write_truth(tmp_path / "c.npz", [], ("C",))


def test_discs_have_the_radius_and_the_sub_pixel_place_asked_for() -> None:
    mask = discs(np.array([[20.4, 30.7]]), (50, 60), 5.0)
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() - 20.4) < 0.15
    assert abs(columns.mean() - 30.7) < 0.15
    assert abs(mask.sum() - np.pi * 25) < 5


def test_discs_at_and_beyond_the_border_are_cut_off() -> None:
    assert discs(np.array([[0.0, 0.0], [-3.0, 4.0], [9.0, 9.0]]), (10, 10), 1.0).sum() == 6
    assert not discs(np.zeros((0, 2)), (4, 4), 2.0).any()
