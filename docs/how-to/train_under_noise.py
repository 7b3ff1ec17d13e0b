"""Train a network under noise, and see how much more of it the network bears (extra `studies`).

    python docs/how-to/train_under_noise.py

Noise comes in after every operation; a row is a training, a column the strength at evaluation.
"""

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from models.nets import mlp
from models.noise import ADDITIVE, Ramp, Strengths, inject

EPOCHS, BATCH, STRENGTHS = 40, 128, (0.0, 0.25, 0.5, 1.0)

if __name__ == "__main__":
    digits, chance, ramp = load_digits(), torch.Generator().manual_seed(2), Ramp(epochs=10)
    mixed = torch.randperm(len(digits.images), generator=chance)
    images, labels = torch.from_numpy(digits.images / 16).float()[mixed, None], torch.from_numpy(digits.target)[mixed]
    print("trained at  accuracy at " + "  ".join(f"{level:5.2f}" for level in STRENGTHS))
    for strength in (0.0, 0.5):
        noisy = inject(mlp(chance, shape=(1, 8, 8)), ADDITIVE, images[:2])
        noisy.set_strengths(training=Strengths.everywhere(strength))
        adam = torch.optim.Adam(noisy.parameters(), 3e-3)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS)
        for epoch in range(EPOCHS):
            for rows in torch.randperm(1200, generator=chance).split(BATCH):
                noisy.draw(len(rows), chance, factor=ramp.factor(epoch, len(rows), chance))
                adam.zero_grad()
                functional.cross_entropy(noisy(images[rows]), labels[rows]).backward()
                adam.step()
            cosine.step()
        shares = []
        for level in STRENGTHS:
            noisy.eval().set_strengths(evaluation=Strengths.everywhere(level))
            noisy.draw(len(images) - 1200, chance)
            shares.append(float((noisy(images[1200:]).argmax(dim=1) == labels[1200:]).float().mean()))
        print(f"{strength:10.2f}              " + "  ".join(f"{share:5.3f}" for share in shares))
