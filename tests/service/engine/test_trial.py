"""Trying a stranger's bundle: whatever it does, it does to a process of its own, and a person is told what."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from elitscope_models.agreement import Agreement
from elitscope_models.bundle import Bundle, BundleInvalid
from elitscope_models.loading import open_ensemble
from elitscope_service.engine.trial import MODULE, Line, Task, TrialFailed, Trials, TrialStopped, Verdict
from tests.support import hostile
from tests.support.bundles import dot_network
from tests.support.server import PATIENCE, wait_until

GIB = 1 << 30


@pytest.fixture
def trials() -> Iterator[Trials]:
    several = Trials()
    yield several
    several.stop()


def task(folder: Path, **changes: Any) -> Task:
    return Task(**{"folder": folder, "device": "cpu", "memory_bytes": 2 * GIB, "seconds": 120.0, **changes})


def children() -> list[psutil.Process]:
    """Trials under way; tests before may have left other processes to this one."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            found += [child] if MODULE in child.cmdline() else []
    return found


def the_child() -> psutil.Process:
    return wait_until(lambda: next(iter(children()), None))


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_a_sound_bundle_passes_and_leaves_its_compiled_networks_behind(trials: Trials, toy_bundle: Bundle, tmp_path: Path) -> None:
    verdict = trials.run(task(toy_bundle.path, cache_dir=tmp_path / "compiled"))
    assert (verdict.name, verdict.digest, verdict.halo) == ("toy", toy_bundle.digest, toy_bundle.halo)
    assert verdict.precision in ("fp32", "bf16")  # whichever is faster here, at this moment
    compiled = {file: file.stat().st_mtime_ns for file in (tmp_path / "compiled").iterdir()}
    assert compiled
    open_ensemble(toy_bundle, device="cpu", precision=verdict.precision, cache_dir=tmp_path / "compiled")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "compiled").iterdir()} == compiled
    assert children() == []


def test_what_a_lower_precision_has_shown_comes_through_the_pipe() -> None:
    verdict = Verdict(name="toy", digest="d", halo=8, precision="fp32", agreement=Agreement("bf16", 0.001, 0.002, 0.02, speedup=3.0))
    assert Line.model_validate_json(Line(verdict=verdict).model_dump_json()).verdict == verdict


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(hostile.huge_constant(), "more than the 2 GiB that a check may take", id="a huge constant"),
        pytest.param(hostile.huge_when_run(), "more than the 2 GiB that a check may take", id="huge when run"),
        pytest.param(hostile.huge_when_run(1 << 10), "more than the 2 GiB that a check may take", id="huge on a large frame"),
        pytest.param(hostile.weights_elsewhere(), "stored outside the file", id="weights elsewhere"),
        pytest.param(hostile.operator_of_its_own(), "evil::Run is not one of ONNX's own", id="custom operator"),
        pytest.param(hostile.not_probabilities(), "these are no probabilities", id="no probabilities"),
        pytest.param(dot_network()[:-40], "member-00.onnx", id="cut off"),
        pytest.param(b"\x80\x04\x95cos\nsystem\n", "not an ONNX file", id="a pickle"),
        pytest.param(b"", "member-00.onnx", id="empty"),
    ],
)
def test_a_harmful_bundle_is_refused_in_words(trials: Trials, tmp_path: Path, data: bytes, why: str) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", data)
    with pytest.raises(BundleInvalid, match=why) as refused:
        trials.run(task(folder))
    assert str(folder) not in str(refused.value)


def test_a_wrong_checksum_is_quoted(trials: Trials, tmp_path: Path) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", dot_network())
    (folder / hostile.MEMBER).write_bytes(dot_network(2.0))
    with pytest.raises(BundleInvalid, match="sha256 is"):
        trials.run(task(folder))


def test_a_network_that_never_ends_is_ended(trials: Trials, tmp_path: Path) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", hostile.never_ending())
    with pytest.raises(
        BundleInvalid, match=r"compiling and running its networks was not done after (3 s of processor time|15 s), and was ended"
    ):
        trials.run(task(folder, seconds=3.0))
    assert children() == []


def test_a_trial_that_waits_for_ever_is_ended_too(trials: Trials, tmp_path: Path) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", hostile.never_ending())
    thread, raised = in_background(lambda: trials.run(task(folder, seconds=3.0)))
    child = the_child()
    wait_until(lambda: "trial_child" in " ".join(child.cmdline()))
    child.suspend()
    thread.join(PATIENCE)
    (error,) = raised
    assert isinstance(error, BundleInvalid)
    assert "was not done after 15 s, and was ended" in str(error)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_takes_the_trial_down_and_nothing_else(trials: Trials, tmp_path: Path, number: signal.Signals) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", hostile.never_ending())
    thread, raised = in_background(lambda: trials.run(task(folder)))
    child = the_child()
    wait_until(lambda: "trial_child" in " ".join(child.cmdline()))
    wait_until(lambda: any("openvino" in mapped.path for mapped in child.memory_maps()))
    child.send_signal(number)
    thread.join(PATIENCE)
    (error,) = raised
    assert isinstance(error, BundleInvalid)
    assert f"ended its process ({number.name})" in str(error)


def test_a_trial_yields_to_everybody_and_goes_first_when_memory_runs_short(trials: Trials, tmp_path: Path) -> None:
    folder = hostile.write_unchecked(tmp_path / "bad", hostile.never_ending())
    thread, raised = in_background(lambda: trials.run(task(folder)))
    child = the_child()
    wait_until(lambda: child.nice() == 19)
    wait_until(lambda: Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "1000")
    wait_until(lambda: child.rlimit(psutil.RLIMIT_DATA) == (2 * GIB, 2 * GIB))
    assert os.getsid(child.pid) == os.getsid(0)
    trials.stop()
    thread.join(PATIENCE)
    assert [type(error) for error in raised] == [TrialStopped]
    assert not child.is_running()


def test_none_is_started_after_the_stop(trials: Trials, toy_bundle: Bundle) -> None:
    trials.stop()
    with pytest.raises(TrialStopped):
        trials.run(task(toy_bundle.path))


def test_an_upload_is_unpacked_and_checked_but_not_run(trials: Trials, tmp_path: Path) -> None:
    archive = tmp_path / "sent.zip"
    archive.write_bytes(hostile.zipped(hostile.bundle_files(hostile.never_ending(), "patient")))
    verdict = trials.run(task(tmp_path / "new", archive=archive, unpacked_bytes=1 << 20, run=False))
    assert (verdict.name, verdict.precision) == ("patient", None)
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["manifest.json", hostile.MEMBER]


def test_a_device_that_is_missing_is_not_the_bundles_fault(trials: Trials, toy_bundle: Bundle) -> None:
    from elitscope_models.runtimes.hardware import gpu_count

    if gpu_count():
        pytest.skip("there is a GPU")
    with pytest.raises(TrialFailed, match="no NVIDIA GPU") as failed:
        trials.run(task(toy_bundle.path, device="cuda"))
    assert failed.value.code == "runtime_unavailable"


def test_secrets_of_the_server_are_not_handed_on(trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELITSCOPE_REDIS_URL", "redis://:secret@127.0.0.1")
    folder = hostile.write_unchecked(tmp_path / "bad", hostile.never_ending())
    thread, _ = in_background(lambda: trials.run(task(folder)))
    child = the_child()
    wait_until(lambda: "trial_child" in " ".join(child.cmdline()))
    assert "ELITSCOPE_REDIS_URL" not in child.environ()
    trials.stop()
    thread.join(PATIENCE)
