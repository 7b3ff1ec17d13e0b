"""Members after their training: the numbers of all their networks, and how they learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.errors import BadInput
from models.batched.stack import Build
from models.batched.values import Member, Recipe, Stream, generator


@dataclass(frozen=True)
class TrainedMembers:
    """Networks that were trained together.

    Attributes:
        build: makes a network of their architecture.
        members: one for each network.
        recipe: of their training.
        state: parameters and buffers by name, (members, ...), on the CPU.
        losses: mean cross-entropy of every epoch, as the weights were in each step, (members, epochs).
    """

    build: Build
    members: tuple[Member, ...]
    recipe: Recipe
    state: dict[str, Tensor]
    losses: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.members)

    def net(self, index: int) -> nn.Module:
        """One network as a plain module, in evaluation.

        Raises:
            BadInput: there is no such member.
        """
        if not 0 <= index < len(self):
            raise BadInput(f"there is no member {index}; there are {len(self)}, counted from 0")
        net = self.build(generator(self.members[index].seed, Stream.WEIGHTS)).to(self.recipe.dtype)
        net.load_state_dict({name: value[index] for name, value in self.state.items()}, strict=False)
        return net.eval()

    def select(self, rows: Sequence[int]) -> TrainedMembers:
        """Some of the members, in the given order."""
        chosen = torch.as_tensor(list(rows))
        return TrainedMembers(
            self.build,
            tuple(self.members[row] for row in rows),
            self.recipe,
            {name: value[chosen] for name, value in self.state.items()},
            self.losses[list(rows)],
        )
