"""When members are compiled into one graph, which graphs stay, and that they give what members give one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from elitscope_models.analyse import Analysis, analyse
from elitscope_models.bundle import Bundle, Tolerance
from elitscope_models.ensemble import Ensemble
from elitscope_models.fusion import MOST_PIXELS, REST_AFTER, WORTH_IT, Fusion
from elitscope_models.loading import open_ensemble, open_plan, with_fusion
from elitscope_models.runtime import Image, Maps, NetworkInvalid
from elitscope_models.runtimes.openvino import OpenVinoRuntime
from tests.support.bundles import make_bundle
from tests.support.frames import dots, lattice

SHAPE = (64, 72)
IMAGE = np.zeros(SHAPE, np.float32)
MAPS = np.random.default_rng(0).random((2, 1, *SHAPE), dtype=np.float32)
MEMBERS = (0, 1)


@dataclass
class Graphs:
    """Makes graphs that give `MAPS`, off by `error`, and writes down what it was asked for."""

    error: float = 0.0
    made: list[tuple[tuple[int, ...], tuple[int, int]]] = field(default_factory=list)

    def __call__(self, members: tuple[int, ...], shape: tuple[int, int]) -> Callable[..., None]:
        self.made.append((members, shape))

        def whole(image: Image, maps: Maps, mean: Maps, std: Maps) -> None:
            maps[:] = MAPS[:, :, : shape[0], : shape[1]]
            mean[:], std[:] = maps.mean(0) + self.error, maps.std(0)

        return whole


def see(fusion: Fusion, times: int, members: tuple[int, ...] = MEMBERS, shape: tuple[int, int] = SHAPE) -> None:
    for _ in range(times):
        fusion.saw(members, np.zeros(shape, np.float32), MAPS[:, :, : shape[0], : shape[1]])


def test_the_same_members_and_shape_are_compiled_after_a_few_frames_and_not_before() -> None:
    graphs = Graphs()
    fusion = Fusion(graphs, Tolerance())
    see(fusion, WORTH_IT - 1)
    assert not fusion.waiting
    assert not fusion.work()
    see(fusion, 1)
    assert fusion.waiting
    assert fusion.of(MEMBERS, SHAPE) is None, "asking never compiles"
    assert fusion.work()
    assert graphs.made == [(MEMBERS, SHAPE)]
    assert fusion.of(MEMBERS, SHAPE) is not None
    assert fusion.of((0,), SHAPE) is None
    assert fusion.of(MEMBERS, (64, 64)) is None
    assert not fusion.waiting


def test_a_graph_that_differs_from_its_members_is_never_used(caplog: pytest.LogCaptureFixture) -> None:
    graphs = Graphs(error=0.02)
    fusion = Fusion(graphs, Tolerance(mean=0.01))
    see(fusion, WORTH_IT)
    fusion.work()
    assert fusion.of(MEMBERS, SHAPE) is None
    assert "mean differs by 0.02" in caplog.text
    see(fusion, 2 * WORTH_IT)
    assert not fusion.waiting, "nor compiled again"


def test_members_that_gave_no_numbers_are_left_one_by_one() -> None:
    fusion = Fusion(Graphs(), Tolerance())
    for _ in range(WORTH_IT):
        fusion.saw(MEMBERS, IMAGE, np.full_like(MAPS, np.nan))
    fusion.work()
    assert fusion.ready() == ()


def test_a_graph_that_can_not_be_compiled_costs_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(members: tuple[int, ...], shape: tuple[int, int]) -> Callable[..., None]:
        raise NetworkInvalid("no such operator")

    fusion = Fusion(refuse, Tolerance())
    see(fusion, WORTH_IT)
    assert fusion.work()
    assert fusion.of(MEMBERS, SHAPE) is None
    assert "no such operator" in caplog.text


def test_only_the_graphs_that_were_used_last_stay() -> None:
    fusion = Fusion(Graphs(), Tolerance(), most=2)
    for shape in ((8, 8), (8, 16)):
        see(fusion, WORTH_IT, shape=shape)
        fusion.work()
    assert fusion.of(MEMBERS, (8, 8)) is not None
    see(fusion, WORTH_IT, shape=(16, 8))
    fusion.work()
    assert set(fusion.ready()) == {(MEMBERS, (8, 8)), (MEMBERS, (16, 8))}


def test_what_waits_to_be_compiled_is_bounded_and_the_last_comes_first() -> None:
    graphs = Graphs()
    fusion = Fusion(graphs, Tolerance(), most=2)
    shapes = [(8, 8), (8, 16), (8, 24), (8, 32)]
    for shape in shapes:
        see(fusion, WORTH_IT, shape=shape)
    while fusion.work():
        pass
    assert [shape for _, shape in graphs.made] == [(8, 32), (8, 24)]


def test_at_once_compiles_where_it_is_asked() -> None:
    graphs = Graphs()
    fusion = Fusion(graphs, Tolerance(), at_once=True)
    assert fusion.of(MEMBERS, SHAPE) is fusion.of(MEMBERS, SHAPE)
    assert len(graphs.made) == 1


def test_members_rest_once_they_have_not_been_needed_for_a_while() -> None:
    rested: list[int] = []
    fusion = Fusion(Graphs(), Tolerance(), at_once=True, rest=lambda: rested.append(1))
    for _ in range(REST_AFTER - 1):
        fusion.of(MEMBERS, SHAPE)
    fusion.one_by_one()
    for _ in range(REST_AFTER - 1):
        fusion.of(MEMBERS, SHAPE)
    assert rested == []
    for _ in range(REST_AFTER):
        fusion.of(MEMBERS, SHAPE)
    assert rested == [1], "and no more than once"


# ------------------------------------------------------------------------------------------------------------- with real networks


FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)


def analysed(ensemble: Ensemble, frame: np.ndarray = FRAME, members: tuple[int, ...] | None = None) -> Analysis:
    return analyse(frame, 0.1, ensemble, members)


def assert_close(one: Analysis, other: Analysis) -> None:
    assert one.std is not None and other.std is not None
    assert one.member_maps is not None and other.member_maps is not None
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
    np.testing.assert_allclose(one.std, other.std, atol=1e-6)
    np.testing.assert_allclose(one.member_maps, other.member_maps, atol=1e-6)
    assert len(one.atoms) == len(other.atoms) > 0


@pytest.mark.parametrize("shape", [(64, 72), (61, 70)], ids=["multiples of the stride", "padded"])
@pytest.mark.parametrize("members", [None, (0, 2)])
def test_one_call_gives_what_members_give_one_by_one(bundle: Bundle, shape: tuple[int, int], members: tuple[int, ...] | None) -> None:
    frame = dots(shape, lattice(shape), floor=0.1)
    one_by_one = open_ensemble(bundle, device="cpu", precision="fp32")
    at_once = with_fusion(one_by_one, at_once=True)
    first, second = analysed(one_by_one, frame, members), analysed(at_once, frame, members)
    assert first.plan.startswith("openvino-cpu-fp32-")
    assert second.plan.startswith("openvino-fused-cpu-fp32-")
    assert_close(first, second)
    again = analysed(with_fusion(one_by_one, at_once=True), frame, members)
    assert (again.mean.tobytes(), again.plan) == (second.mean.tobytes(), second.plan)


def test_two_classes_are_kept_apart_in_one_call(two_class_bundle: Bundle) -> None:
    one_by_one = open_ensemble(two_class_bundle, device="cpu", precision="fp32")
    assert_close(analysed(one_by_one), analysed(with_fusion(one_by_one, at_once=True)))


def test_a_small_spread_keeps_its_digits(tmp_path: Path) -> None:
    twins = make_bundle(tmp_path / "twins", members=3, blurs=[1.0, 1.00001, 1.00002])
    one_by_one = open_ensemble(twins, device="cpu", precision="fp32")
    first, second = analysed(one_by_one), analysed(with_fusion(one_by_one, at_once=True))
    assert first.std is not None and second.std is not None and first.member_maps is not None
    exact = first.member_maps.astype(np.float64).std(axis=0)
    assert 0 < exact.max() < 1e-3
    np.testing.assert_allclose(second.std, exact, atol=2e-7)


def test_frames_before_the_graph_are_analysed_one_by_one_and_later_ones_in_one_call(bundle: Bundle) -> None:
    ensemble = open_ensemble(bundle, device="cpu", precision="fp32", fuse=True)
    assert ensemble.fusion is not None
    before = [analysed(ensemble) for _ in range(WORTH_IT)]
    background = threading.Thread(target=ensemble.fusion.work)
    background.start()
    background.join()
    after = analysed(ensemble)
    assert {found.plan for found in before} == {ensemble.plan()}
    assert after.plan == ensemble.plan(whole=True) != ensemble.plan()
    assert_close(before[0], after)


def test_a_deselection_takes_effect_on_the_next_frame_without_a_compilation(bundle: Bundle) -> None:
    compiled = []
    ensemble = open_ensemble(bundle, device="cpu", precision="fp32", fuse=True)
    fusion = ensemble.fusion
    assert fusion is not None
    make = fusion.compile
    fusion.compile = lambda members, shape: (compiled.append(members), make(members, shape))[1]
    for _ in range(WORTH_IT):
        analysed(ensemble)
    fusion.work()
    whole = analysed(ensemble)
    fewer = analysed(ensemble, members=(0, 2))
    assert compiled == [(0, 1, 2)], "the frame after the deselection waited for none"
    assert (fewer.members, fewer.plan) == ((0, 2), ensemble.plan((0, 2)))
    assert_close(fewer, analysed(open_ensemble(bundle, device="cpu", precision="fp32"), members=(0, 2)))
    for _ in range(WORTH_IT - 1):
        analysed(ensemble, members=(0, 2))
    fusion.work()
    assert analysed(ensemble, members=(0, 2)).plan == ensemble.plan((0, 2), whole=True)
    assert analysed(ensemble).plan == whole.plan, "and going back costs nothing"


def test_one_member_and_large_frames_are_never_run_in_one_call(bundle: Bundle) -> None:
    ensemble = with_fusion(open_ensemble(bundle, device="cpu", precision="fp32"), at_once=True)
    assert ensemble.whole((1,), SHAPE) is None
    assert analysed(ensemble, members=(1,)).std is None
    side = int(MOST_PIXELS**0.5) + 8
    assert ensemble.whole((0, 1), (side, side)) is None
    assert ensemble.whole((0, 1), (16, 2 * ensemble.tiling.max_side)) is None
    assert ensemble.whole((0, 1), (512, 512)) is not None


def test_the_plan_of_one_call_opens_by_its_name_and_by_its_beginning(bundle: Bundle) -> None:
    expected = analysed(with_fusion(open_ensemble(bundle, device="cpu", precision="fp32"), at_once=True), members=(0, 2))
    for name in (expected.plan, "openvino-fused-cpu-fp32"):
        found = analysed(open_plan(bundle, name, (0, 2)), members=(0, 2))
        assert found.plan == expected.plan
        assert found.mean.tobytes() == expected.mean.tobytes()


def test_kept_graphs_give_the_same_bits_are_bounded_and_survive_damage(bundle: Bundle, tmp_path: Path) -> None:
    runtime, sums = OpenVinoRuntime(cache_dir=tmp_path), ["a", "b"]
    files = [(bundle.path / f"member-0{i}.onnx").read_bytes() for i in (0, 1)]

    def run(read: Callable[[], list[bytes]]) -> bytes:
        whole = runtime.fuse(sums, read, SHAPE)
        found = [np.empty((2, 1, *SHAPE), np.float32), *(np.empty((1, *SHAPE), np.float32) for _ in range(2))]
        whole(FRAME, *found)
        return b"".join(array.tobytes() for array in found)

    def never() -> list[bytes]:
        raise AssertionError("it was kept")

    first = run(lambda: files)
    assert run(never) == first
    (kept,) = (tmp_path / "fused").iterdir()
    kept.write_bytes(kept.read_bytes()[:-7] + b"damaged")
    assert run(lambda: files) == first
    assert run(never) == first
    with pytest.raises(AssertionError, match="it was kept"):
        replace(runtime, threads=3).fuse(sums, never, SHAPE)


def test_members_that_rested_give_the_same_bits(bundle: Bundle) -> None:
    ensemble = with_fusion(open_ensemble(bundle, device="cpu", precision="fp32"))
    assert ensemble.fusion is not None
    before = analysed(ensemble)
    ensemble.fusion.rest()
    after = analysed(ensemble)
    assert before.mean.tobytes() == after.mean.tobytes()
    assert before.atoms.tobytes() == after.atoms.tobytes()
