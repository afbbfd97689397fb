"""What a manifest says about how members were made, and whether two trainings are the same one."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from elitscope_models.bundle import Architecture, ClassInfo, Manifest, Member, Training
from elitscope_models.training.baseline import Baseline
from elitscope_models.training.origin import KEPT, Origin
from elitscope_models.training.recipes import Recipe

_ELSEWHERE = {"name", "ensemble", "classes", "sampling", "sampling_range", "network", "normalisation"}
"""Fields of a recipe that have a place of their own in a manifest."""
_NOBODY = (Member(id=0, file="member-00.onnx", sha256="0" * 64),)


def manifest_of(recipe: Recipe, seed: int, release: str, device: str, baseline: Baseline | None, origin: Origin | None = None) -> Manifest:
    """The manifest but for its members, for which a placeholder stands; `origin`: of frames that the recipe did not simulate."""
    stated = KEPT if origin else [field.name for field in fields(recipe) if field.name not in _ELSEWHERE]
    parameters = {name: plain(getattr(recipe, name)) for name in stated} | (plain(origin.parameters) if origin else {})
    if device != "cpu":
        parameters["device"] = device
    if baseline is not None:
        parameters["parent"] = plain(baseline.parent)
    return Manifest(
        name=recipe.ensemble,
        version=release,
        classes=tuple(ClassInfo(name=name) for name in recipe.classes),
        sampling=recipe.sampling,
        sampling_range=recipe.sampling_range,
        stride=recipe.network.stride,
        normalisation=recipe.normalisation,
        architecture=Architecture(name="unet", parameters=plain(recipe.network)),
        members=_NOBODY,
        training=Training(
            recipe=recipe.name,
            seed=seed,
            data=origin.data if origin else _simulated(recipe),
            software=software(),
            domain="experiment" if origin else "simulation",
            calibrated=False,
            parameters=parameters,
        ),
        license="MIT",
    )


def identity_of(manifest: Manifest) -> Mapping[str, Any]:
    """What decides the weights: all but who is done, the version's name, and what is read off the networks."""
    return manifest.model_dump(mode="json", exclude={"members": True, "version": True, "architecture": {"halo"}})


def differences(found: Any, asked: Any, where: str = "") -> list[str]:
    """In words, where two identities differ.

    >>> differences({"seed": 5, "recipe": "a"}, {"seed": 6, "recipe": "a"})
    ['seed 5, asked for 6']
    """
    if isinstance(found, Mapping) and isinstance(asked, Mapping):
        keys = list(dict.fromkeys([*found, *asked]))
        return [text for key in keys for text in differences(found.get(key), asked.get(key), f"{where}.{key}" if where else str(key))]
    return [] if found == asked else [f"{where} {found!r:.60}, asked for {asked!r:.60}"]


def plain(value: Any) -> Any:
    """The value as JSON would give it back, so that a manifest in memory equals the one that is read from disk."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return f"{value.__module__}.{value.__qualname__}" if callable(value) else value


def _simulated(recipe: Recipe) -> str:
    return f"elitscope.simulator: {recipe.frames} frames of {recipe.side}² px, {recipe.test_fraction:.0%} of them for the test"


def software() -> dict[str, str]:
    """Versions of what decides the weights here, by package."""
    packages = ("elitscope-service", "torch", "numpy", "opencv-python-headless", "onnx")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
