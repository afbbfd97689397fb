"""`elitscope-server --check`: would it start, and with what? Every bundle is loaded, tried and warmed, as the engine would do it."""

from __future__ import annotations

from collections.abc import Iterator

from elitscope_service.config import ServerConfig
from elitscope_service.keeper import CannotStart
from elitscope_service.registry import EnsembleUnavailable, Registry
from elitscope_service.server import require_keys
from elitscope_service.status import EnsembleState, EnsembleStatus


def check(config: ServerConfig, registry: Registry) -> tuple[bool, str]:
    """Whether the server would start and every bundle holds up, and a report for people."""
    lines = ["configuration: ok", f"  frames {config.bind}, publications {config.publish}, http {config.http}, device {config.device}"]
    for status in registry.status():
        try:
            registry.load(status.name)
        except EnsembleUnavailable:
            continue
    found = registry.status()
    lines += [line for status in found for line in _report(status)]
    problems = list(_problems(config, found))
    lines += [f"problem: {problem}" for problem in problems] or ["everything holds up"]
    return not problems, "\n".join(lines)


def _report(status: EnsembleStatus) -> Iterator[str]:
    yield f"ensemble {status.name} {status.version or ''}: {status.state} ({status.path})"
    if status.plan is not None:
        yield f"  {len(status.members)} members, classes {', '.join(status.classes)}, {status.sampling:g} Å/px, plan {status.plan}"


def _problems(config: ServerConfig, found: tuple[EnsembleStatus, ...]) -> Iterator[str]:
    if config.beyond_loopback:
        try:
            require_keys(config)
        except CannotStart as error:
            yield str(error)
    for status in found:
        if status.state is EnsembleState.FAILED:
            yield f"ensemble {status.name}: {status.why}"
    names = [status.name for status in found]
    if not found:
        yield "no bundle was found: name a folder of bundles with --bundles"
    elif config.ensemble is not None and config.ensemble not in names:
        yield f"--ensemble {config.ensemble}: there is no such ensemble, there are {', '.join(names)}"
