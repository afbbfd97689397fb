"""AtomAI's own weights in this project's network give AtomAI's own predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from elitscope_models.normalise import MinMax, normalise
from elitscope_models.training.network import UNet, UNetShape, probabilities


@pytest.mark.parametrize("name", ["graphene", "multiclass"])
def test_members_predict_what_atomai_predicts(shared_data: Path, name: str) -> None:
    folder = shared_data / "atomai"
    saved = torch.load(folder / f"{name}_ensemble_metadict.tar", weights_only=True)
    shape = UNetShape(saved["nb_classes"], saved["nb_filters"], tuple(saved["layers"]), saved["upsampling"])
    frame = np.load(folder / f"{name}_frames.npz")["frames"][0]
    expected = np.load(folder / f"{name}_members_frame0.npz")["members"]
    image = torch.from_numpy(normalise(frame, MinMax())[0])[None, None]
    for weights, theirs in zip(saved["weights"].values(), expected, strict=True):
        network = UNet(shape)
        network.load_state_dict(weights)
        with torch.no_grad():
            ours = probabilities(network.eval()(image), shape)[0].numpy()
        assert ours == pytest.approx(np.moveaxis(theirs, -1, 0)[: shape.foreground], abs=1e-5)
