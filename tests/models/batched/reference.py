"""The same training written plainly: one network, torch's own layers, a loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from models.batched import Build, Member, Recipe, Stream, generator
from models.noise import ADDITIVE, NoiseKind, inject


@dataclass(frozen=True)
class Given:
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


@cache
def digits(count: int = 300, enlarge: int = 1) -> Given:
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels[:count] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return Given(images.repeat(enlarge, axis=2).repeat(enlarge, axis=3), labels[:count].astype(np.int64))


def trained_alone(
    build: Build, data: Given, member: Member, recipe: Recipe, kind: NoiseKind = ADDITIVE
) -> tuple[nn.Module, list[float]]:
    net = build(generator(member.seed, Stream.WEIGHTS)).to(recipe.dtype)
    inputs, labels = torch.from_numpy(data.inputs).to(recipe.dtype), torch.from_numpy(data.labels)
    noisy = inject(net, kind, inputs[:2]).to(recipe.dtype).train()
    noisy.set_strengths(training=member.strengths)
    order, noise = generator(member.seed, Stream.ORDER), generator(member.seed, Stream.NOISE)
    optimiser = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    losses = []
    for epoch in range(recipe.epochs):
        rows = torch.randperm(len(inputs), generator=order)
        total = 0.0
        for first in range(0, len(rows), recipe.batch):
            own = rows[first : first + recipe.batch]
            noisy.draw(len(own), noise, factor=member.schedule.factor(epoch, len(own), noise))
            loss = functional.cross_entropy(noisy(inputs[own]), labels[own])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            if recipe.clamp is not None:
                with torch.no_grad():
                    for module in net.modules():
                        if isinstance(module, nn.Linear | nn.Conv2d):
                            module.weight.clamp_(-recipe.clamp, recipe.clamp)
            total += loss.item() * len(own)
        cosine.step()
        losses.append(total / len(inputs))
    noisy.quiet()
    return net.eval(), losses
