"""Layers of many networks at once against torch's own layers, forward and backward, in double precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.batched.convolution import Positions, Shape, WholeRow, convolve, convolve_pool, convolved, way_for
from models.batched.direct import convolve_directly
from models.batched.layers import average_pool, batch_norm, running_norm
from models.batched.pooled_convolution import convolve_and_pool
from models.batched.pooling import max_pool
from models.batched.steps import samples_first, samples_last

MEMBERS, SAMPLES = 3, 7
SHAPES = [
    Shape(1, (8, 8), 4, (5, 5), (1, 1)),
    Shape(3, (6, 7), 5, (2, 3), (1, 1)),
    Shape(2, (9, 10), 3, (3, 4), (2, 3)),
    Shape(4, (5, 5), 6, (1, 1), (1, 1)),
    Shape(4, (6, 6), 2, (1, 1), (2, 2)),
]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_()


def same(ours: Callable[..., Tensor], torchs: Callable[..., Tensor], *given: Tensor) -> None:
    """Ours of all members, samples last, is torch's of each of them; so are the gradients of all that is given."""
    found = ours(samples_last(given[0]), *given[1:])
    expected = torch.stack([torchs(*(value[m] for value in given)) for m in range(len(given[0]))])
    torch.testing.assert_close(samples_first(found), expected)
    top = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1), dtype=expected.dtype)
    slopes = torch.autograd.grad(found, given, samples_last(top))
    for ours_, theirs in zip(slopes, torch.autograd.grad(expected, given, top), strict=True):
        torch.testing.assert_close(ours_, theirs)


@pytest.mark.parametrize("way", ["whole row", "positions", "direct"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_way_is_a_convolution(shape: Shape, way: str) -> None:
    if way == "direct" and shape.stride[1] != 1:
        pytest.skip("rows that are taken directly have no steps sideways")
    inputs = drawn(MEMBERS, SAMPLES, shape.channels, *shape.size)
    weights, bias = drawn(MEMBERS, shape.outputs, shape.channels, *shape.kernel), drawn(MEMBERS, shape.outputs)

    def ours(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        if way == "direct":
            return convolve_directly(x, w, b, shape.stride[0])
        return convolved(x, w, b, WholeRow(shape) if way == "whole row" else Positions(shape), shape)

    same(ours, lambda x, w, b: functional.conv2d(x, w, b, shape.stride), inputs, weights, bias)


@pytest.mark.parametrize(("stride", "padding"), [((1, 1), (1, 2)), ((2, 1), (0, 1)), ((2, 2), (1, 1))])
def test_convolutions_with_padding_and_without_bias(stride: tuple[int, int], padding: tuple[int, int]) -> None:
    inputs, weights = drawn(MEMBERS, SAMPLES, 3, 6, 8), drawn(MEMBERS, 4, 3, 3, 3)
    same(
        lambda x, w: convolve(x, w, None, stride, padding),
        lambda x, w: functional.conv2d(x, w, None, stride, padding),
        inputs,
        weights,
    )


def test_the_way_follows_the_work() -> None:
    digits, second = Shape(1, (16, 16), 6, (5, 5), (1, 1)), Shape(6, (6, 6), 16, (5, 5), (1, 1))
    assert way_for(digits, 128, direct=True) is None
    assert way_for(digits, 128, direct=False) == WholeRow(digits)
    assert way_for(second, 128, direct=True) == WholeRow(second)
    deep = Shape(256, (4, 4), 512, (3, 3), (1, 1))
    assert way_for(deep, 128, direct=True) == Positions(deep)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 2), (1, 2), (0, 0)), ((2, 2), (3, 3), (0, 0))],
)
def test_max_pools(kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], rectified: bool) -> None:
    def torchs(x: Tensor, b: Tensor) -> Tensor:
        before = x + b[:, None, None]
        return functional.max_pool2d(before.relu() if rectified else before, kernel, stride, padding)

    same(
        lambda x, b: max_pool(x, kernel, stride, padding, bias=b, rectified=rectified),
        torchs,
        drawn(MEMBERS, SAMPLES, 2, 7, 8),
        drawn(MEMBERS, 2),
    )


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("size", [(12, 12), (11, 10), (5, 6)], ids=str)
def test_a_convolution_and_its_pool_in_one(size: tuple[int, int], rectified: bool) -> None:
    def torchs(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        made = functional.conv2d(x, w, b)
        return functional.max_pool2d(made.relu() if rectified else made, (2, 3))

    given = drawn(MEMBERS, SAMPLES, 2, *size), drawn(MEMBERS, 5, 2, 3, 2, seed=1), drawn(MEMBERS, 5, seed=2)
    same(lambda x, w, b: convolve_and_pool(x, w, b, (2, 3), rectified=rectified), torchs, *given)
    same(lambda x, w, b: convolve_pool(x, w, b, (0, 0), (2, 3), rectified=rectified), torchs, *given)


def test_what_is_no_number_goes_through_a_pool() -> None:
    values = drawn(1, 1, 1, 2, 2).detach()
    values[..., 0, 1] = float("nan")
    assert max_pool(samples_last(values), (2, 2), (2, 2)).isnan().all()
    assert max_pool(samples_last(values), (2, 2), (2, 2), rectified=True).isnan().all()


def test_average_pools() -> None:
    inputs = drawn(MEMBERS, SAMPLES, 2, 6, 7)
    same(lambda x: average_pool(x, (2, 3), (2, 1)), lambda x: functional.avg_pool2d(x, (2, 3), (2, 1)), inputs)


@pytest.mark.parametrize("shape", [(5,), (5, 3, 4)], ids=str)
def test_batch_norm(shape: tuple[int, ...]) -> None:
    inputs, factor, offset = drawn(MEMBERS, SAMPLES, *shape), drawn(MEMBERS, 5, seed=1), drawn(MEMBERS, 5, seed=2)
    same(
        lambda x, f, o: batch_norm(x, f, o, 1e-5)[0],
        lambda x, f, o: functional.batch_norm(x, None, None, f, o, training=True),
        inputs,
        factor,
        offset,
    )
    mean, variance = drawn(MEMBERS, 5, seed=3).detach(), drawn(MEMBERS, 5, seed=4).detach().abs()
    found = running_norm(samples_last(inputs), mean, variance, factor, offset, 1e-5)
    each = (functional.batch_norm(*given) for given in zip(inputs, mean, variance, factor, offset, strict=True))
    torch.testing.assert_close(samples_first(found), torch.stack(list(each)))
