"""What cannot be trained, together or alone, whatever the network computes."""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn.modules.batchnorm import _BatchNorm

from data.errors import BadInput
from models.batched.values import Member, Recipe
from models.noise.noisy import NoisyModule


def check_seed(seed: int) -> None:
    """Raise :class:`BadInput` if a generator cannot begin with this seed."""
    if seed < 0:
        raise BadInput(f"the seed of a member is {seed}; it must be 0 or more")


def check_training(noisy: NoisyModule, members: Sequence[Member], samples: int, recipe: Recipe) -> None:
    """Raise :class:`BadInput` if a network cannot be trained for these members by this recipe.

    Args:
        noisy: a network of the kind that is trained.
        members: at least one; each seed 0 or more, with noise at points that the network has.
        samples: how many there are to learn from. Batch norm can learn nothing of a batch of one.
        recipe: how; checked before, as it says what samples are computed in.
    """
    if not members:
        raise BadInput("there is no member to train")
    for member in members:
        check_seed(member.seed)
        member.strengths.check(noisy.points)
    normed = any(isinstance(module, _BatchNorm) for module in noisy.modules())
    if normed and 1 in (recipe.batch, samples % recipe.batch):
        raise BadInput(
            f"one of {samples} samples would be a batch of its own, of which batch norm can learn "
            f"nothing; take another batch size than {recipe.batch}"
        )
