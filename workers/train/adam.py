"""AdamW in ten lines: torch's own optimisers import a compiler at their first step, which every run would pay for."""

import torch
from torch import Tensor

BETA_MEAN, BETA_SQUARE = 0.9, 0.999
EPSILON = 1e-8


class Adam:
    """Decoupled weight decay. `means`, `squares` and `steps` are the whole state."""

    def __init__(self, weights: list[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.weights, self.learning_rate, self.weight_decay = weights, learning_rate, weight_decay
        self.means = [torch.zeros_like(weight) for weight in weights]
        self.squares = [torch.zeros_like(weight) for weight in weights]
        self.steps = 0

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights by their gradients and forget those."""
        self.steps += 1
        scale = self.learning_rate / (1 - BETA_MEAN**self.steps)
        root = (1 - BETA_SQUARE**self.steps) ** 0.5
        for weight, mean, square in zip(self.weights, self.means, self.squares, strict=True):
            gradient = weight.grad
            assert gradient is not None
            mean.lerp_(gradient, 1 - BETA_MEAN)
            square.mul_(BETA_SQUARE).addcmul_(gradient, gradient, value=1 - BETA_SQUARE)
            weight.mul_(1 - self.learning_rate * self.weight_decay)
            weight.addcdiv_(mean, square.sqrt().div_(root).add_(EPSILON), value=-scale)
            weight.grad = None
