"""The frame path, top to bottom, in one generator: from a decoded frame to its reply and what is published of it.

    validate → read the selection, once (→ anytime: fewer members)
             → analyse (normalise, resample, forward passes, mean, std, atoms) → reply, publications

It stops after every stage and every pass of a network, and says how long that took, so that another stream's frame can have its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass

from elitscope.errors import FrameInvalid
from elitscope.messages import FrameMessage, ResultMessage
from elitscope.types import Result, Timing
from elitscope_models.analyse import Analysis, analyse_steps
from elitscope_models.ensemble import Ensemble
from elitscope_models.fusion import Fusion
from elitscope_service.anytime import Anytime, cut_short
from elitscope_service.publications import WITH_HOTSPOTS, WITH_MAPS, only, publications
from elitscope_service.scheduler import Job
from elitscope_service.selection import Selection, Selections


class PartialUnsupported(FrameInvalid):
    """The frame is still being scanned."""

    code = "partial_unsupported"


class EnsembleMissing(LookupError):
    """The selection names an ensemble that is not ready: a defect, since only ready ones can be chosen."""


@dataclass(frozen=True)
class Analysed:
    """A frame's reply, what is published of it (pairs of topic and message), and what both are parts of."""

    reply: ResultMessage
    publications: tuple[tuple[str, ResultMessage], ...]
    frame: FrameMessage
    result: Result


@dataclass(frozen=True)
class FramePath:
    """What the frame path needs from around it.

    `ensemble` gives a ready ensemble by name; `number` a stream's next sequence number; `wanted` the kinds of publication that somebody
    wants of a stream's next frame; `clock` monotonic seconds; `analysed` is told stream, revision and frame id, and must not wait; nor must
    `fuse`, which is told where there is something to compile; `anytime` chooses members for frames that would come too late, None: they do.
    """

    epoch: str
    selections: Selections
    ensemble: Callable[[str], Ensemble | None]
    number: Callable[[str], int]
    wanted: Callable[[str], Collection[str]]
    clock: Callable[[], float]
    analysed: Callable[[str, int, int], None] = lambda stream, revision, frame_id: None
    fuse: Callable[[Fusion], None] = lambda fusion: None
    anytime: Anytime | None = None

    def frame_steps(self, job: Job) -> Generator[float, None, Analysed]:
        """Analyse a job's frame; yields what each step cost, in seconds, returns what came of it.

        Raises:
            FrameInvalid: the frame can't be analysed.
        """
        frame: FrameMessage = job.payload
        begun = self.clock()
        if frame.partial:
            raise PartialUnsupported(f"frame {frame.frame_id} is partial: this version analyses whole frames, send it when it is complete")

        selection, ensemble = self._in_force(frame.stream)
        members = selection.members if self.anytime is None else self.anytime.choose(job, selection, frame.pixels.size, begun)

        wanted = self.wanted(frame.stream)
        keep_members = "members" in frame.outputs or any(kind in wanted for kind in WITH_MAPS)
        find_hotspots = "hotspots" in frame.outputs or any(kind in wanted for kind in WITH_HOTSPOTS)
        steps = analyse_steps(
            frame.pixels,
            frame.info.sampling,
            ensemble,
            members,
            keep_members=keep_members,
            find_hotspots=find_hotspots,
            clock=self.clock,
        )
        analysis, waited = yield from self._priced(steps)
        if ensemble.fusion is not None and ensemble.fusion.waiting:
            self.fuse(ensemble.fusion)
        if self.anytime is not None:
            around_s = (analysis.preprocess_ms + analysis.atoms_ms) / 1e3
            self.anytime.learn(selection.ensemble, frame.pixels.size, len(members), analysis.inference_ms / 1e3, around_s)

        now = self.clock()
        timing = Timing(
            queue_ms=1e3 * (begun - job.received_at + waited),
            preprocess_ms=analysis.preprocess_ms,
            inference_ms=analysis.inference_ms,
            atoms_ms=analysis.atoms_ms,
            total_ms=1e3 * (now - job.received_at),
        )
        result = _result(frame, analysis, selection, ensemble, timing, self.number(frame.stream), self.epoch)
        self.analysed(frame.stream, selection.revision, frame.frame_id)
        return Analysed(ResultMessage(only(result, frame.outputs)), tuple(publications(frame, result, wanted)), frame, result)

    def _in_force(self, stream: str) -> tuple[Selection, Ensemble]:
        """The selection, read once, and its ensemble.

        An ensemble is unloaded only when no selection names it any more; so where it is gone, the selection that was read is not in force
        any more either, and no frame was analysed with it here: the one that is takes its place.
        """
        while True:
            selection = self.selections.of(stream)
            ensemble = self.ensemble(selection.ensemble)
            if ensemble is not None:
                return selection, ensemble
            if self.selections.of(stream) is selection:
                raise EnsembleMissing(f"ensemble {selection.ensemble!r} of revision {selection.revision} is not ready")

    def _priced(self, steps: Generator[float, None, Analysis]) -> Generator[float, None, tuple[Analysis, float]]:
        """Turn each stop into the seconds that its step took; returns the analysis, and the seconds spent waiting between steps."""
        waited = 0.0
        while True:
            started = self.clock()
            try:
                next(steps)
            except StopIteration as end:
                return end.value, waited
            stopped = self.clock()
            yield stopped - started
            waited += self.clock() - stopped


def _result(
    frame: FrameMessage, analysis: Analysis, selection: Selection, ensemble: Ensemble, timing: Timing, sequence: int, epoch: str
) -> Result:
    manifest = ensemble.bundle.manifest
    return Result(
        frame_id=frame.frame_id,
        stream=frame.stream,
        sequence=sequence,
        ensemble=manifest.name,
        ensemble_version=manifest.version,
        members=analysis.members,
        revision=selection.revision,
        plan=analysis.plan,
        classes=analysis.classes,
        sampling=analysis.sampling,
        warnings=_warnings(analysis, selection),
        timing=timing,
        mean=analysis.mean,
        std=analysis.std,
        atoms=analysis.atoms,
        hotspots=analysis.hotspots,
        member_maps=analysis.member_maps,
        epoch=epoch,
    )


def _warnings(analysis: Analysis, selection: Selection) -> tuple[str, ...]:
    used, active = len(analysis.members), len(selection.members)
    return analysis.warnings if used == active else (*analysis.warnings, cut_short(used, active))
