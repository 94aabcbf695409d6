"""A small convolutional network, trained for as long as the budget lasts, with shifts for augmentation."""

import io

import numpy as np
import pandas as pd
import torch
from bench_images import read_test, read_train
from bench_job import Job, Model, as_shares, run
from torch import nn
from torch.nn import functional

CORES = 2
BATCH = 64
SHARE_OF_BUDGET = 0.9
MOST_EPOCHS = 60
SHIFT = 2  # pixels


def fit(job: Job) -> Model:
    torch.set_num_threads(CORES)
    torch.manual_seed(job.seed)
    pixels, labels = read_train(job.folder)
    classes, y = np.unique(labels, return_inverse=True)
    x, asked = _as_tensor(pixels), _as_tensor(read_test(job.folder))
    net = _network(x.shape[1], min(x.shape[2:]), len(classes))
    epochs = _train(net, x, torch.as_tensor(y), job)

    @torch.no_grad()
    def shares(images: torch.Tensor) -> np.ndarray:
        return torch.cat([functional.softmax(net(part), 1) for part in images.split(256)]).numpy()

    def predict() -> pd.DataFrame:
        found = shares(asked)
        return as_shares(classes[found.argmax(axis=1)], classes, found)

    return Model(predict, lambda: shares(asked[:1]), lambda: _saved_bytes(net), ("torch",), f"{epochs} epochs")


def _as_tensor(pixels: np.ndarray) -> torch.Tensor:
    """[N, C, H, W]."""
    images = torch.as_tensor(pixels)
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


def _network(channels: int, side: int, classes: int) -> nn.Module:
    """Three blocks of convolutions; tiny images are halved less often."""
    widths, layers = (32, 64, 128), []
    for number, width in enumerate(widths):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if side >> (number + 1) >= 3 else []
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels, classes))


def _train(net: nn.Module, x: torch.Tensor, y: torch.Tensor, job: Job) -> int:
    """One cycle of the learning rate over the epochs that fit; returns how many there were."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    end_s = (1 - SHARE_OF_BUDGET) * job.budget_s
    total_s, epoch = job.left_s - end_s, 0
    while job.left_s > end_s and epoch < MOST_EPOCHS:
        net.train()
        for part in torch.randperm(len(x)).split(BATCH):
            gone = max(1 - (job.left_s - end_s) / total_s, epoch / MOST_EPOCHS)
            if gone >= 1:
                break
            optimiser.param_groups[0]["lr"] = 3e-3 * min(gone / 0.1, (1 - gone) / 0.9, 1)
            loss = functional.cross_entropy(net(_shifted(x[part])), y[part], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        epoch += 1
    net.eval()
    return epoch


def _shifted(images: torch.Tensor) -> torch.Tensor:
    """All images of a batch moved by the same few pixels."""
    side = min(images.shape[2:])
    most = SHIFT if side >= 16 else 1
    down, right = torch.randint(-most, most + 1, (2,)).tolist()
    padded = functional.pad(images, (most,) * 4)
    height, width = images.shape[2:]
    return padded[:, :, most + down : most + down + height, most + right : most + right + width]


def _saved_bytes(net: nn.Module) -> int:
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    return file.tell()


if __name__ == "__main__":
    run(fit)
