"""The networks: sizes, operations, and initial weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from data import BadInput
from models.nets import NETS, cnn_s, initialise, lenet5, mlp, net_named, resnet18, vgg11
from models.noise import ADDITIVE, NOT_AFTER_BATCH_NORM, inject

SMALL_VGG = {"width": 4, "hidden": 16}
CNN = "input conv1 relu1 conv2 relu2 fc1 relu3 out"
CNN_BN = "input conv1 bn1 relu1 conv2 bn2 relu2 fc1 bn3 relu3 out"
VGG = (
    "input conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 conv4 relu4 pool3 conv5 relu5 conv6 relu6 pool4 "
    "conv7 relu7 conv8 relu8 pool5 fc1 relu9 fc2 relu10 out"
)
RESNET = (
    "input conv1 relu1 pool1 "
    "conv2 relu2 conv3 relu3 conv4 relu4 conv5 relu5 "
    "conv6 relu6 conv7 conv8 relu7 conv9 relu8 conv10 relu9 "
    "conv11 relu10 conv12 conv13 relu11 conv14 relu12 conv15 relu13 "
    "conv16 relu14 conv17 conv18 relu15 conv19 relu16 conv20 relu17 pool2 out"
)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=chance(1))


@pytest.mark.parametrize(
    ("net", "shape", "names"),
    [
        (cnn_s(chance()), (1, 10, 49), CNN),
        (cnn_s(chance(), batch_norm=True), (1, 10, 49), CNN_BN),
        (vgg11(chance(), **SMALL_VGG), (3, 32, 32), VGG),
        (resnet18(chance(), width=4), (3, 32, 32), RESNET),
    ],
    ids=["cnn-s", "cnn-s-bn", "vgg11", "resnet18"],
)
def test_points_in_order(net: nn.Module, shape: tuple[int, ...], names: str) -> None:
    ops = NOT_AFTER_BATCH_NORM if net is not None and "stage1" in dict(net.named_children()) else None
    noisy = inject(net, ADDITIVE, images(2, *shape), **({} if ops is None else {"ops": ops}))
    assert " ".join(point.name for point in noisy.points) == names
    assert noisy.way == "graph"


def test_the_ways_around_of_a_resnet_have_points() -> None:
    points = inject(resnet18(chance(), width=4), ADDITIVE, images(2, 3, 32, 32)).points
    assert [p.name for p in points if "shortcut" in p.source and p.op == "conv"] == ["conv8", "conv13", "conv18"]
    assert sum(p.op == "bn" for p in points) == 20


@pytest.mark.parametrize(
    ("build", "count"),
    [
        # Weights and biases added up by hand from the layers' sizes.
        (mlp, 784 * 64 + 64 + 2 * (64 * 64 + 64) + 64 * 10 + 10),
        (lambda g: mlp(g, batch_norm=True), 784 * 64 + 2 * 64 * 64 + 3 * 128 + 64 * 10 + 10),
        (lenet5, 156 + 2416 + 256 * 120 + 120 + 120 * 84 + 84 + 850),
        (lambda g: lenet5(g, shape=(3, 32, 32)), 456 + 2416 + 400 * 120 + 120 + 120 * 84 + 84 + 850),
        (lambda g: lenet5(g, shape=(1, 16, 16)), 156 + 2416 + 16 * 120 + 120 + 120 * 84 + 84 + 850),
        (cnn_s, 28 * 40 + 28 + 30 * 28 * 40 + 30 + 30 * 4 * 11 * 128 + 128 + 128 * 12 + 12),
    ],
    ids=["mlp", "mlp-bn", "lenet-28", "lenet-32", "lenet-16", "cnn-s"],
)
def test_sizes(build, count: int) -> None:
    assert sum(value.numel() for value in build(chance()).parameters()) == count


def test_published_sizes_of_the_large_networks() -> None:
    """VGG11 for CIFAR-10 and ResNet-18 as published, without memory for their weights."""
    resnet = resnet18(torch.Generator(), shape=(3, 224, 224), classes=1000, stem="7x7")
    assert sum(value.numel() for value in resnet.parameters()) == 11_689_512
    convolutions = 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256**2 + 256 * 512 + 3 * 512**2) + 2752
    dense = 512 * 4096 + 4096 + 4096**2 + 4096 + 40970
    assert sum(value.numel() for value in vgg11(chance()).parameters()) == convolutions + dense


def lenet_of_torch(seed: int) -> nn.Sequential:
    """As torch would construct it after ``torch.manual_seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(256, 120), nn.Linear(120, 84), nn.Linear(84, 10)
        )


def test_initial_weights_are_those_of_torch() -> None:
    ours, theirs = lenet5(chance(11)).parameters(), lenet_of_torch(11).parameters()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("name", ["mlp", "lenet5", "cnn-s"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_seed_says_it_all(name: str, batch_norm: bool) -> None:
    global_state = torch.random.get_rng_state()
    one, same, other = (net_named(name)(chance(seed), batch_norm=batch_norm).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["out.weight"], other["out.weight"])
    assert torch.equal(torch.random.get_rng_state(), global_state), "nothing comes from the global generator"


def test_initialising_again_makes_a_network_new() -> None:
    net = lenet5(chance(), shape=(1, 16, 16), batch_norm=True)
    net(images(4, 1, 16, 16))
    initialise(net, chance())
    fresh = lenet5(chance(), shape=(1, 16, 16), batch_norm=True).state_dict()
    assert all(torch.equal(value, fresh[key]) for key, value in net.state_dict().items())


def test_dropout_of_vgg_is_in_training_only() -> None:
    net = vgg11(chance(), **SMALL_VGG)
    noisy, x = inject(net, ADDITIVE, images(2, 3, 32, 32)), images(5, 3, 32, 32)
    noisy.draw(5, chance(1))
    first = noisy(x)
    noisy.draw(5, chance(2))
    assert not torch.equal(noisy(x), first)
    assert torch.equal(noisy.eval()(x), net.eval()(x))


def test_other_images_and_classes() -> None:
    assert resnet18(chance(), shape=(1, 16, 16), classes=3, width=4)(images(2, 1, 16, 16)).shape == (2, 3)
    assert vgg11(chance(), shape=(1, 64, 40), **SMALL_VGG).eval()(images(2, 1, 64, 40)).shape == (2, 10)
    assert mlp(chance(), shape=(16,), hidden=())(images(2, 16)).shape == (2, 10)
    assert cnn_s(chance(), shape=(1, 13, 62), classes=5, hidden=7)(images(2, 1, 13, 62)).shape == (2, 5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lenet5(chance(), shape=(1, 8, 8)), "at least 16 x 16, not 8 x 8"),
        (lambda: lenet5(chance(), shape=(64,)), "channels, height, width"),
        (lambda: cnn_s(chance(), shape=(1, 6, 49)), "at least 7 x 28"),
        (lambda: vgg11(chance(), shape=(3, 28, 28)), "at least 32 x 32"),
        (lambda: resnet18(chance(), stem="5x5"), "the stems"),
        (lambda: mlp(chance(), classes=1), "at least 2 classes"),
        (lambda: mlp(chance(), hidden=(0,)), "cannot be"),
        (lambda: net_named("alexnet"), "there is no network called 'alexnet'"),
    ],
)
def test_what_cannot_be_is_refused(make, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make()


def test_every_network_has_a_name() -> None:
    assert list(NETS) == ["mlp", "lenet5", "cnn-s", "vgg11", "resnet18"]
