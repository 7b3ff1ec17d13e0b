"""Layers of torch on an array: what they compute, and that torch can do with them what it does with its own."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import io
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from data import BadInput, Schedule
from models import ChipModel, IntegerNetwork, OrderedConv2d, OrderedLinear, run
from models import operator as operators
from models.chip_tensors import TENSORS, ChipTensors
from models.curves import look_up
from models.kernels.coefficients import Coefficients
from models.network import Layer, even_splits
from models.ordered import ordered_multiply
from models.parameters import TERMS, ChipParameters
from tests.models.chips import SMALL, random_chip

SCHEDULE = Schedule(sends=2, settle_ns=200)
BACKWARDS = SCHEDULE.with_order(tuple(reversed(range(SMALL.rows))))
CHIP = random_chip(1, TERMS, gain=0.005)


@pytest.fixture(autouse=True)
def no_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tqdm is installed, ``torch.compile`` starts its watcher, a thread that stays."""
    if importlib.util.find_spec("tqdm") is not None:
        monkeypatch.setattr(importlib.import_module("tqdm").tqdm, "monitor_interval", 0)


def codes(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 32, shape, generator=torch.Generator().manual_seed(seed)).float()


def weight_codes(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(-63, 64, shape, generator=torch.Generator().manual_seed(seed)).float()


def layer(chip: ChipParameters = CHIP, **options: object) -> OrderedLinear:
    return OrderedLinear(weight_codes(30, 5), chip, SCHEDULE, bias=torch.arange(5.0), **options)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("schedule", [SCHEDULE, BACKWARDS], ids=["ascending", "backwards"])
def test_a_layer_computes_what_the_chip_model_answers(ordered: bool, schedule: Schedule) -> None:
    """The same integers through the analog-processor contract, block after block, and through torch."""
    chip = replace(CHIP, ordered=ordered)
    columns = np.array([6, 0, 3, 1, 5])
    own = Layer(
        weight_codes(30, 5).numpy().astype(np.int8),
        np.arange(5, dtype=np.int32),
        even_splits(30, SMALL.rows),
        columns,
        0,
        schedule,
    )
    network = IntegerNetwork(SMALL, (own,), 1.0, tuple("abcde"))
    sums = run(network, ChipModel(chip), codes(20, 30).numpy().astype(np.uint8)).layers[0].sums
    ours = OrderedLinear.of(own, chip)(codes(20, 30)).detach().numpy()
    # A voltage within float rounding of a whole code may fall to either side.
    assert np.mean(ours == sums) > 0.99
    assert np.abs(ours - sums).max() <= 1


def test_noise_comes_from_the_draws_alone() -> None:
    noisy = layer(replace(CHIP, noise=np.full(7, 2.0)))
    x = codes(50, 30)
    quiet = noisy(x)
    assert torch.equal(noisy(x), quiet), "nothing is drawn unasked"
    one, other = (noisy(x, noisy.draw(50, torch.Generator().manual_seed(3))) for _ in range(2))
    assert torch.equal(one, other)
    assert 2.0 < float((one - quiet).detach().std()) < 6.0


def test_a_schedule_may_be_given_for_one_call() -> None:
    plain, x = layer(), codes(20, 30)
    assert torch.equal(plain(x, schedule=BACKWARDS), OrderedLinear(plain.weight, CHIP, BACKWARDS, bias=plain.bias)(x))
    assert not torch.equal(plain(x, schedule=BACKWARDS), plain(x))


def test_a_convolution_is_a_product_at_every_place() -> None:
    """Far from every imperfection it is torch's own convolution, rounded down block by block."""
    chip = ChipParameters.ideal(SMALL, 1.0)
    weights = torch.randint(-1, 2, (5, 2, 3, 2), generator=torch.Generator().manual_seed(1)).float()
    images = torch.randint(0, 3, (3, 2, 7, 8), generator=torch.Generator().manual_seed(2)).float()
    options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    ours = OrderedConv2d(weights, chip, Schedule(), **options)(images)
    torch.testing.assert_close(ours, functional.conv2d(images, weights, **options))


def test_between_codes_values_lie_on_straight_lines() -> None:
    curve = torch.tensor([-3.0, 0.0, 5.0])
    x = torch.tensor([-1.0, -0.5, 0.25, 1.0], requires_grad=True)
    values = look_up(curve, x, 1, whole=False)
    torch.testing.assert_close(values, torch.tensor([-3.0, -1.5, 1.25, 5.0]))
    (slopes,) = torch.autograd.grad(values.sum(), x)
    assert slopes.tolist() == [3.0, 3.0, 5.0, 5.0]
    (slopes,) = torch.autograd.grad(look_up(curve, x := torch.tensor([0.0], requires_grad=True), 1).sum(), x)
    assert slopes.tolist() == [4.0], "central difference at whole codes"


def test_gradcheck_of_a_layer() -> None:
    """Float weights and inputs between codes; voltages, because a rounded output has no finite difference."""
    weights = weight_codes(30, 5).double().clamp(-60, 60) + 0.3
    own = OrderedLinear(weights, CHIP, SCHEDULE, codes=False, learn=("gain", "tau_membrane_ns", "rail_high"))
    x = (codes(2, 30).double().clamp(0, 30) + 0.4).requires_grad_()
    names = [name for name, _ in own.named_parameters()]

    def voltages(x: Tensor, *values: Tensor) -> Tensor:
        chip = dict(zip(names, values, strict=True))
        return torch.func.functional_call(_Voltages(own), {f"own.{name}": value for name, value in chip.items()}, (x,))

    assert torch.autograd.gradcheck(voltages, (x, *own.parameters()), eps=1e-6, fast_mode=True)


class _Voltages(torch.nn.Module):
    def __init__(self, own: OrderedLinear) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        return self.own.voltages(x)


def test_training_a_layer_lowers_the_loss() -> None:
    own = layer(learn=("offset",))
    x, target = codes(64, 30), 10 * torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(own.parameters(), lr=0.5)
    losses = []
    for _ in range(20):
        loss = functional.mse_loss(own(x), target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        own.clamp()
        losses.append(loss.item())
    assert own.weight.abs().max() <= 63
    assert losses[-1] < 0.6 * losses[0]
    assert torch.any(own.offset != ChipTensors.of(CHIP).offset[:5])


def test_state_is_whole_and_goes_into_a_file_and_a_copy() -> None:
    own, x = layer(learn=("gain",)), codes(9, 30)
    assert set(own.state_dict()) == {"weight", "bias", *TENSORS}
    assert [name for name, _ in own.named_parameters()] == ["weight", "bias", "gain"]
    file = io.BytesIO()
    torch.save(own.state_dict(), file)
    file.seek(0)
    other = OrderedLinear(torch.zeros(30, 5), random_chip(2, TERMS), SCHEDULE, bias=torch.zeros(5), learn=("gain",))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x), own(x))
    twin = copy.deepcopy(own)
    with torch.no_grad():
        twin.weight.zero_()
    assert not torch.equal(twin(x), own(x)), "a copy shares nothing"
    assert torch.equal(own(x), other(x)), "calling changes nothing"


def test_a_refined_layer_gives_its_chip_back() -> None:
    again = layer().chip().parameters()
    np.testing.assert_allclose(again.tau_membrane_ns, CHIP.tau_membrane_ns[:5], rtol=1e-6)
    assert again.geometry.columns == 5


def backend(module: torch.nn.Module, **options: object) -> torch.nn.Module:
    torch._dynamo.reset()
    return torch.compile(module, backend="aot_eager", fullgraph=True, **options)


@pytest.mark.parametrize("schedule", [SCHEDULE, BACKWARDS], ids=["ascending", "backwards"])
def test_a_compiled_layer_is_the_same_layer(schedule: Schedule) -> None:
    """One graph, without a break, forward and backward."""
    own = layer(learn=("tau_membrane_ns", "rail_low", "line_limit"))
    x, noise = codes(9, 30), own.draw(9, torch.Generator().manual_seed(0))
    results = []
    for module in (own, backend(own)):
        own.zero_grad()
        sums = module(x, noise, schedule)
        torch.autograd.backward((sums * torch.arange(5.0)).sum())
        results.append([sums.detach(), *(p.grad.clone() for p in own.parameters() if p.grad is not None)])
    assert len(results[0]) == 6
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def test_a_compiled_convolution_takes_batches_of_any_size() -> None:
    own = OrderedConv2d(weight_codes(5, 2, 3, 3), CHIP, SCHEDULE, padding=1)
    compiled = backend(own, dynamic=True)
    for size in (2, 3, 5):
        images = codes(size, 2, 6, 4, seed=size)
        assert torch.equal(compiled(images), own(images))


def test_within_a_graph_what_is_wrong_is_still_refused() -> None:
    own = layer()
    compiled = backend(own)
    with torch.no_grad():
        own.gain[2] = float("nan")
    with pytest.raises(BadInput, match=r"column 2 a line limit in output codes of nan"):
        compiled(codes(9, 30))


@pytest.mark.parametrize("uses_line", [True, False])
@pytest.mark.parametrize("order", [None, [2, 0, 1]])
def test_the_operators_keep_the_rules_of_torch(uses_line: bool, order: list[int] | None) -> None:
    chance = torch.Generator().manual_seed(0)
    chip = ChipTensors.of(random_chip(3, TERMS if uses_line else ("leak", "rails"))).coefficients(SCHEDULE)
    charges = torch.rand(4, 2, 3, generator=chance).requires_grad_()
    weights = torch.randn(2, 3, 7, generator=chance).requires_grad_()
    job = charges, weights, chip.rows.requires_grad_(), order, 2, True, uses_line
    torch.library.opcheck(operators._multiply, job)


def test_vmap_and_func_grad() -> None:
    """One chip model, many sets of weights: the transforms of torch.func give what a loop gives."""
    chip = ChipTensors.of(CHIP).coefficients(SCHEDULE)
    charges, many = torch.rand(4, 12), torch.randn(3, 12, 7)

    def total(weights: Tensor) -> Tensor:
        return ordered_multiply(charges, weights, chip, SCHEDULE).square().sum()

    together = torch.func.vmap(torch.func.grad(total))(many)
    over = torch.func.grad(lambda w: torch.func.vmap(total)(w).sum())(many)
    for index, weights in enumerate(many):
        own = weights.clone().requires_grad_()
        (alone,) = torch.autograd.grad(total(own), own)
        assert torch.equal(together[index], alone)
        assert torch.equal(over[index], alone)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_torch_func_goes_through_layers(ordered: bool, whole: bool) -> None:
    """Batches of batches, a gradient for each of them, and several sets of weights: what a loop gives."""
    own = layer(replace(CHIP, ordered=ordered), codes=whole)
    given, parameters = codes(3, 4, 30), dict(own.named_parameters())

    def loss(parameters: dict[str, Tensor], given: Tensor) -> Tensor:
        return torch.func.functional_call(own, parameters, (given,)).square().sum()

    together = torch.func.vmap(own)(given)
    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, given)
    several = {name: torch.stack([value.detach(), value.detach() / 2]) for name, value in parameters.items()}
    losses = torch.func.vmap(loss, (0, None))(several, given[0])
    for index, vectors in enumerate(given):
        assert torch.equal(together[index], own(vectors))
        alone = torch.autograd.grad(loss(parameters, vectors), list(parameters.values()))
        for ours, theirs in zip(gradients.values(), alone, strict=True):
            torch.testing.assert_close(ours[index], theirs, rtol=1e-5, atol=1e-5)
    for index in range(2):
        expected = loss({name: value[index] for name, value in several.items()}, given[0])
        torch.testing.assert_close(losses[index], expected)
    for beyond in (32.0, -1.0):
        with pytest.raises(BadInput, match="do not fit a curve from 0 to 31"):
            torch.func.vmap(own)(torch.cat([given[:2], torch.full((1, 4, 30), beyond)]))


def test_torch_func_on_plain_operations_is_refused_in_words() -> None:
    own, given = layer().double(), codes(3, 4, 30).double()
    with pytest.raises(BadInput, match="use float32"):
        torch.func.vmap(own)(given)
    with pytest.raises(BadInput, match="use float32"):
        torch.func.jacrev(own)(given[0])


def test_a_second_derivative_is_refused_in_words() -> None:
    x, chip = torch.rand(4, 12, requires_grad=True), ChipTensors.of(CHIP).coefficients(SCHEDULE)
    voltages = ordered_multiply(x, torch.randn(12, 7), chip, SCHEDULE)
    (first,) = torch.autograd.grad(voltages.square().sum(), x, create_graph=True)
    with pytest.raises(BadInput, match="differentiated only once"):
        torch.autograd.backward(first.sum())


def test_changing_weights_before_the_backward_pass_is_noticed() -> None:
    weights = torch.randn(12, 7, requires_grad=True)
    voltages = ordered_multiply(torch.rand(4, 12), weights, ChipTensors.of(CHIP).coefficients(SCHEDULE), SCHEDULE)
    with torch.no_grad():
        weights += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.backward(voltages.sum())


def test_layers_work_in_threads() -> None:
    own, x = layer(learn=("gain",)), codes(40, 30)
    expected = torch.autograd.grad(own(x).sum(), list(own.parameters()))
    results: list[tuple[Tensor, ...]] = []

    def work() -> None:
        results.extend(torch.autograd.grad(own(x).sum(), list(own.parameters())) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 15
    for result in results:
        assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))


@pytest.mark.parametrize(
    ("charges", "weights", "message"),
    [
        (torch.full((2, 12), float("nan")), torch.ones(12, 7), r"charges must be finite; at \(0, 0, 0\) they hold nan"),
        (torch.ones(2, 12), torch.full((12, 7), -torch.inf), r"weights must be finite; at \(0, 0, 0\) they hold -inf"),
        (torch.ones(2, 12).half(), torch.ones(12, 7).half(), "both must be float32, or both float64"),
        (torch.ones(2, 12).double(), torch.ones(12, 7), "charges are torch.float64 and weights torch.float32"),
        (torch.ones(2, 12), torch.ones(12, 7, device="meta"), "charges are on cpu and weights on meta"),
        (torch.ones(2, 11), torch.ones(12, 7), "do not fit weights"),
        (torch.ones(2, 12), torch.ones(12, 6), "6 columns, the chip parameters 7"),
    ],
)
def test_what_no_board_can_do_is_refused(charges: Tensor, weights: Tensor, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ordered_multiply(charges, weights, ChipTensors.of(CHIP).coefficients(SCHEDULE), SCHEDULE)


def test_large_values_are_not_taken_for_infinite_ones() -> None:
    """Their sum overflows, they do not."""
    weights = torch.zeros(12, 7)
    weights[0], weights[1] = 3e38, 3e38
    voltages = ordered_multiply(
        torch.ones(1, 12), weights, ChipTensors.of(random_chip(1)).coefficients(SCHEDULE), SCHEDULE
    )
    assert torch.all(voltages.isfinite())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OrderedLinear(torch.ones(3), CHIP, SCHEDULE), r"of shape \(inputs, outputs\)"),
        (lambda: OrderedLinear(torch.ones(3, 2).int(), CHIP, SCHEDULE), "must be float32 or float64"),
        (lambda: OrderedLinear(torch.ones(3, 8), CHIP, SCHEDULE), "8 outputs need so many different columns of the 7"),
        (lambda: layer(splits=(0, 20, 30)), r"splits \[0, 20, 30\] must cut 30 inputs into blocks of 1 to 12 rows"),
        (lambda: layer(columns=(0, 1, 2, 3, 3)), "different columns"),
        (lambda: layer(learn=("tau",)), "'tau' is no parameter"),
        (lambda: layer()(codes(2, 29)), r"the layer takes \(vectors, 30\)"),
        (lambda: layer()(codes(2, 30) + 1), "codes from .* do not fit a curve from 0 to 31"),
        (lambda: layer()(codes(2, 30) * float("nan")), "codes from nan"),
        (lambda: layer()(codes(2, 30), schedule=Schedule(sends=65)), "sends is 65"),
        (lambda: OrderedConv2d(torch.ones(3, 2), CHIP, SCHEDULE), r"\(outputs, channels, height, width\)"),
        (lambda: OrderedConv2d(torch.ones(3, 1, 3, 3), CHIP, SCHEDULE)(codes(1, 1, 2, 9)), "smaller than the kernel"),
    ],
)
def test_what_does_not_fit_a_layer_is_named(make: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


# What torch loads for dual numbers warns of its own past.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_tangent_is_refused_and_not_lost() -> None:
    given = codes(9, 30)
    coefficients = Coefficients.of(random_chip(9), SCHEDULE)
    weights = torch.zeros(given.shape[-1], len(coefficients.decay))
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="jvp"):
        ordered_multiply(forward_ad.make_dual(given, torch.ones_like(given)), weights, coefficients, SCHEDULE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_within_a_graph_no_tangent_is_lost() -> None:
    own, given = layer(), codes(4, 30)
    compiled = torch.compile(lambda x: torch.func.jvp(own, (x,), (torch.ones_like(x),))[1], fullgraph=True)
    with pytest.raises(torch._dynamo.exc.Unsupported):
        compiled(given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("whole", [True, False])
def test_a_layer_loses_no_tangent_either(whole: bool) -> None:
    given = 1 + 0.5 * codes(4, 30)
    given = given.floor() if whole else given
    step = torch.randn(4, 30, generator=torch.Generator().manual_seed(3))
    ordered, blind = (layer(replace(CHIP, ordered=ordered), codes=whole) for ordered in (True, False))
    with pytest.raises(NotImplementedError, match="jvp"):
        torch.func.jvp(ordered, (given,), (step,))
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="jvp"):
        ordered(forward_ad.make_dual(given, step))
    _, forward = torch.func.jvp(blind, (given,), (step,))
    backward = torch.autograd.functional.jacobian(blind, given)
    assert float(forward.detach().abs().max()) > 0.1
    torch.testing.assert_close(forward, torch.einsum("voij,ij->vo", backward, step), rtol=1e-4, atol=1e-4)
