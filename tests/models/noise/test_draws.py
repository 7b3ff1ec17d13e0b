"""Draws: made before, from one generator, in the order of the points, and none where there is no noise."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from data import BadInput
from models.nets import mlp
from models.noise import ADDITIVE, Dropout, Mixed, NoisyModule, Strengths, draw_noise, inject

SHAPE = (1, 2, 3)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(kind=ADDITIVE, net: nn.Module | None = None) -> NoisyModule:
    made = mlp(chance(), shape=SHAPE, classes=3, hidden=(5, 4)) if net is None else net
    return inject(made, kind, torch.rand(2, *SHAPE, generator=chance(1)))


def test_draws_are_one_run_of_normals_cut_in_the_order_of_the_points() -> None:
    strengths = Strengths(0.0, (("out", 2.0), ("fc1", 1.0)))
    made = draw_noise(noisy().points, ADDITIVE, strengths, 7, chance(3))
    run = torch.randn(7 * 5 + 7 * 3, generator=chance(3))
    assert torch.equal(made["fc1"][1], run[:35].view(7, 5))
    assert torch.equal(made["out"][1], run[35:].view(7, 3))
    assert float(made["out"][0]) == 2.0
    assert all(draw.numel() == 0 for name, (_, draw) in made.items() if name not in ("fc1", "out"))


def test_two_normals_for_each_activation_of_mixed_noise() -> None:
    kind = Mixed.of_ratio(0.5)
    assert draw_noise(noisy(kind).points, kind, Strengths.at("fc1", 1.0), 7, chance())["fc1"][1].shape == (2, 7, 5)


def test_silence_draws_nothing() -> None:
    generator = chance()
    before = generator.get_state()
    module = noisy()
    module.draw(7, generator)
    module.set_strengths(training=Strengths.everywhere(1.0))
    module.draw(7, generator, factor=torch.tensor(0.0))
    x = torch.rand(7, *SHAPE)
    assert torch.equal(module(x), module.net(x)), "a ramp's first epoch has no noise, and that is no error"
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("factor", [torch.tensor(0.5), torch.arange(7) / 7.0], ids=["one", "samples"])
@pytest.mark.parametrize("strength", [2.0, (1.0, 2.0, 3.0, 4.0, 5.0)], ids=["plain", "columns"])
def test_a_factor_scales_strengths_and_not_draws(strength, factor: torch.Tensor) -> None:
    plain, scaled = noisy(), noisy()
    for module in (plain, scaled):
        module.set_strengths(training=Strengths.at("fc1", strength))
    plain.draw(7, chance(5))
    scaled.draw(7, chance(5), factor=factor)
    x = torch.zeros(7, *SHAPE)
    wanted = torch.tensor(strength).expand(7, 5) * factor.expand(7)[:, None] * plain.point("fc1").draw
    got = scaled.point("fc1")(torch.zeros(7, 5))
    torch.testing.assert_close(got, wanted)
    assert torch.equal(plain.point("fc1").draw, scaled.point("fc1").draw)
    assert not torch.equal(scaled(x), plain(x))


def test_a_point_that_is_held_changes_nothing_bit_by_bit() -> None:
    for kind in (ADDITIVE, Mixed.of_ratio(0.5)):
        module, x = noisy(kind), torch.rand(7, *SHAPE)
        buffers = module.buffers_of(Strengths.at("fc2", 0.3), 7, chance(), held=["input", "relu1"])
        assert buffers["net.noise_points.relu1.draw"].numel()
        module.set_strengths(training=Strengths.at("fc2", 0.3))
        module.draw(7, chance())
        assert torch.equal(functional_call(module, buffers, (x,)), module(x))


def test_buffers_for_a_call_leave_the_module_as_it_is() -> None:
    module, x = noisy(), torch.rand(7, *SHAPE)
    plain = module(x)
    buffers = module.buffers_of(Strengths.everywhere(0.3), 7, chance())
    assert not torch.equal(functional_call(module, buffers, (x,)), plain)
    assert torch.equal(module(x), plain)


def test_the_type_follows_the_network() -> None:
    module = noisy().double()
    assert module.buffers_of(Strengths.everywhere(1.0), 2, chance())["net.noise_points.out.draw"].dtype == torch.float64


def test_a_factor_of_another_shape_is_refused() -> None:
    with pytest.raises(BadInput, match=r"must be \(\) or \(7,\)"):
        noisy().buffers_of(Strengths.everywhere(1.0), 7, chance(), factor=torch.ones(6))


def test_dropout_is_drawn_with_the_noise_in_training_only() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 400), Dropout(0.25, (400,)))
    module, x = noisy(net=net), torch.rand(9, *SHAPE)
    with pytest.raises(BadInput, match="draw one for every batch"):
        module(x)
    module.draw(9, chance())
    out, full = module(x), net[1](net[0](x))
    left = out == 0
    assert 0.2 < float(left.float().mean()) < 0.3
    torch.testing.assert_close(out[~left], full[~left] / 0.75)
    module.eval().draw(9, chance())
    torch.testing.assert_close(module(x), full)


def test_compiled_without_a_break() -> None:
    module, x = noisy(Mixed.of_ratio(0.5)), torch.rand(7, *SHAPE)
    module.set_strengths(training=Strengths.everywhere(0.3))
    module.draw(7, chance())
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), module(x))
