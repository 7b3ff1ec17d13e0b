"""How many members are computed together: what the caches of a CPU like, or the memory of a GPU holds."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, prod

import torch

from models.noise.operations import Point

_MEMORY = 128 << 20
"""Bytes of a chunk on a CPU: with fewer the calls between the steps show, with more the caches."""
_MOST = 32
"""Members of a chunk on a CPU: there are no calls left to save by more."""
_ACTIVATIONS = 3
"""Times the activations of a batch are held: themselves, their gradients, and what is needed in between."""
_PARAMETERS = 5
"""Times the parameters are held: themselves, gradients, two moments, and what is needed in between."""
_SHARE_OF_GPU = 0.5


def member_bytes(points: tuple[Point, ...], parameters: int, samples: int, dtype: torch.dtype) -> int:
    """Memory of one member.

    Args:
        points: after every operation of the network.
        parameters: numbers in the network.
        samples: computed at a time.
        dtype: of all numbers.
    """
    activations = samples * sum(prod(point.shape) for point in points)
    return (_ACTIVATIONS * activations + _PARAMETERS * parameters) * dtype.itemsize


def chunk_size(bytes_each: int, device: torch.device) -> int:
    """Members that are computed together."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(int(_SHARE_OF_GPU * free) // bytes_each, 1)
    return min(max(_MEMORY // bytes_each, 1), _MOST)


def shares(count: int, size: int, threads: int) -> list[range]:
    """Members cut into chunks of about the same size, a whole number of rounds for every thread.

    Args:
        count: of members, at least 1.
        size: at most so many in a chunk.
        threads: each computes chunks of its own.
    """
    busy = min(threads, count)
    number = min(busy * ceil(count / (size * busy)), count)
    edges = [round(index * count / number) for index in range(number + 1)]
    return [range(first, stop) for first, stop in pairwise(edges)]
