"""A frame that every network is tried on when it is loaded: the same one every time, at the ensemble's own sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope.simulator import Conditions, expose, graphene
from elitscope_models.manifest import Manifest
from elitscope_models.normalise import normalise
from elitscope_models.tiles import Tiling

_SIDE = 128
_SEED = 20210


def reference_frame(manifest: Manifest, tiling: Tiling) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Graphene under ordinary conditions, uint16 counts [row, column], sides multiples of the stride."""
    rng = np.random.default_rng(_SEED)
    shape = tiling.padded((_SIDE, _SIDE))
    specimen = graphene((shape[0] * manifest.sampling, shape[1] * manifest.sampling), rng)
    return expose(specimen, shape, manifest.sampling, Conditions(), rng).pixels


def reference_image(manifest: Manifest, tiling: Tiling) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The reference frame normalised as the manifest says, float32."""
    return normalise(reference_frame(manifest, tiling), manifest.normalisation, manifest.sampling)[0]
