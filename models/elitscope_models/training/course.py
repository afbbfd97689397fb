"""Where a member stands between two steps: everything that the next step depends on, and that a checkpoint therefore holds."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from elitscope_models.training.network import UNet, build, initialise
from elitscope_models.training.recipes import Recipe


class Course:
    """A network on its way, with its optimiser and the average of its last weights.

    The number of the step decides which patches come next, so no generator's state belongs to it. `ends`: the step after which it ends,
    `losses`: one per step.
    """

    def __init__(self, recipe: Recipe, seed: int, start: Mapping[str, Tensor] | None, device: torch.device) -> None:
        self.device = device
        self._schedule = recipe.schedule
        network = build(recipe.network)
        initialise(network, torch.Generator().manual_seed(seed))
        if start is not None:
            network.load_state_dict(dict(start))
        self.network = network.to(device)
        self._averaged = AveragedModel(self.network)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=self._schedule.learning_rate)
        self.losses: list[float] = []
        self.ends = self._schedule.steps
        self._best = inf
        self._stale = 0

    @property
    def step(self) -> int:
        """Steps that are done."""
        return len(self.losses)

    @property
    def averaging(self) -> bool:
        """Whether the next step is one of those that are averaged."""
        return self.step >= self.ends - self._schedule.averaged

    def precision(self) -> torch.autocast:
        """Within it, the network computes as the recipe says."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._schedule.precision == "bf16")

    def descend(self, loss: Tensor) -> None:
        """One step down the gradient of `loss`."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        if self.averaging:
            self._averaged.update_parameters(self.network)
        self.losses.append(float(loss.detach()))

    def judge(self, test_loss: float) -> None:
        """Take note of a loss on test frames; the last steps begin where it did not fall for as long as patience lasts."""
        if test_loss < self._best:
            self._best, self._stale = test_loss, 0
        else:
            self._stale += 1
        if self._stale >= self._schedule.patience:
            self.ends = min(self.ends, self.step + self._schedule.averaged)

    def result(self) -> UNet:
        """The network that all this was for."""
        final = self._averaged.module if self._schedule.averaged > 0 else self.network
        assert isinstance(final, UNet)
        return final

    def state(self) -> Mapping[str, Any]:
        """Tensors and plain values; valid until the next step."""
        return {
            "network": self.network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "losses": list(self.losses),
            "ends": self.ends,
            "best": self._best,
            "stale": self._stale,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.losses = list(state["losses"])
        self.ends, self._best, self._stale = state["ends"], state["best"], state["stale"]
