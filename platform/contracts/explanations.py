"""How many runs of a model an explanation takes: said before it is paid for, and the same where it is run."""

from dataclasses import dataclass

LEAST_ROWS, USUAL_ROWS, MOST_ROWS = 2, 256, 1000  # runs of the model for one explained row
MOST_PARTS = 40  # words, or runs of words, of a text
LEAST_GRID, USUAL_GRID, MOST_GRID = 4, 8, 12  # cells along a side of an image
_EXACT_MOST_PLAYERS = 12


class TooManyPlayers(ValueError):
    """Not one order of joining fits; `least_rows` would do."""

    def __init__(self, least_rows: int) -> None:
        super().__init__(f"at least {least_rows} runs are needed")
        self.least_rows = least_rows


@dataclass(frozen=True)
class Size:
    """A game of columns or words. `orders` of joining are tried per background; 0: all of them, exactly."""

    players: int
    backgrounds: int
    orders: int

    @property
    def is_exact(self) -> bool:
        return self.orders == 0 or self.players <= 1

    @property
    def rows(self) -> int:
        """Runs of the model: the question, each background, and the coalitions between them."""
        if self.players == 0:
            return 1
        each = 2**self.players - 2 if self.orders == 0 else self.orders * (self.players - 1)
        return 1 + self.backgrounds * (1 + each)


def usual_most_rows(players: int, backgrounds: int) -> int:
    """What is taken where nobody says `most_rows`: at least a pair of orders per background, within MOST_ROWS."""
    return min(MOST_ROWS, max(USUAL_ROWS, 1 + backgrounds * (2 * players - 1)))


def settle_size(players: int, backgrounds: int, most_rows: int) -> Size:
    """Exact where that fits, else as many backgrounds and pairs of orders as do. Raises TooManyPlayers."""
    if players <= 1:
        return Size(players, max(1, min(backgrounds, most_rows - 1)), 1)
    if players <= _EXACT_MOST_PLAYERS and (exact := Size(players, backgrounds, 0)).rows <= most_rows:
        return exact
    for fewer in range(backgrounds, 0, -1):
        pairs = (most_rows - 1 - fewer) // (2 * fewer * (players - 1))
        if pairs > 0:
            return Size(players, fewer, 2 * pairs)
    one = Size(players, 1, 1)
    if one.rows > most_rows:
        raise TooManyPlayers(one.rows)
    return one


def rows_of_image(grid: int) -> int:
    """The image, each window of two by two cells hidden, and all of it hidden."""
    return (grid - 1) ** 2 + 2
