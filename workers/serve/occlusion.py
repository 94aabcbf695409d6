"""Which parts of an image an answer rests on: hide them one after the other and see how far the answer falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from contracts.explanations import rows_of_image

MOST_PIXELS = 1_000_000  # larger images are scaled down first; every part is a run of the whole image


@dataclass(frozen=True)
class Hidings:
    """The picture itself, the picture with each window hidden, and nothing but the hiding colour.

    Windows are two cells of a `grid` × `grid` board wide and high and overlap by one, so an edge that runs between two
    cells is found too. What is hidden gets the mean colour of the picture.
    """

    picture: Any  # uint8 [H, W, 3]
    colour: Any  # uint8 [3]
    down: Any  # int [grid + 1], where the cells begin and end
    across: Any  # int [grid + 1]

    @property
    def grid(self) -> int:
        return len(self.down) - 1

    def __len__(self) -> int:
        return rows_of_image(self.grid)

    def images(self, start: int, end: int) -> Any:
        """uint8 [end - start, H, W, 3]."""
        made = np.repeat(self.picture[None], end - start, axis=0)
        for image, place in zip(made, range(start, end), strict=True):
            if place == len(self) - 1:
                image[:] = self.colour
            elif place > 0:
                row, column = divmod(place - 1, self.grid - 1)
                image[self.down[row] : self.down[row + 2], self.across[column] : self.across[column + 2]] = self.colour
        return made

    def heat(self, answers: Any) -> Any:
        """[grid, grid]: for each cell the mean fall of the answer over the windows that hide it."""
        windows = self.grid - 1
        falls = answers[0] - answers[1:-1].reshape(windows, windows)
        total, count = np.zeros((self.grid, self.grid)), np.zeros((self.grid, self.grid))
        for down in (0, 1):
            for across in (0, 1):
                total[down : down + windows, across : across + windows] += falls
                count[down : down + windows, across : across + windows] += 1
        return total / count


def hidings_of(picture: Any, grid: int) -> Hidings:
    colour = picture.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    down, across = (np.linspace(0, side, grid + 1).round().astype(int) for side in picture.shape[:2])
    return Hidings(picture, colour, down, across)


def small_enough(picture: Any) -> Any:
    """uint8 [H, W, 3] of at most MOST_PIXELS."""
    height, width = picture.shape[:2]
    if height * width <= MOST_PIXELS:
        return picture
    factor = (MOST_PIXELS / (height * width)) ** 0.5
    smaller = (max(1, int(width * factor)), max(1, int(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(smaller, Image.Resampling.BILINEAR))
