"""Made-up flats and their monthly rents: a table whose target is a number."""

import random

HEADER = ("district", "square_metres", "rooms", "floor", "built", "balcony", "heating", "minutes_to_centre", "price")
_DISTRICTS = {"Old Town": (17.5, 6), "Harbour": (15.5, 12), "Gardens": (13.0, 19), "Mill Quarter": (11.5, 24)}
_HEATING = {"district": 0, "gas": 12, "heat pump": 45}


def rows(seed: int = 11, count: int = 900) -> list[tuple[object, ...]]:
    """Rent follows size, district, age and comfort; one tenth of it is luck, and some cells are missing."""
    luck = random.Random(seed)
    return [_flat(luck) for _ in range(count)]


def _flat(luck: random.Random) -> tuple[object, ...]:
    district = luck.choice(list(_DISTRICTS))
    price, minutes = _DISTRICTS[district]
    size = round(min(160, max(18, luck.gauss(64, 24))), 1)
    room_count = max(1, min(6, round(size / 26 + luck.gauss(0, 0.5))))
    floor, built = luck.randint(0, 9), luck.randint(1898, 2024)
    balcony, heating = luck.random() < 0.55, luck.choice(list(_HEATING))
    away = max(2, round(luck.gauss(minutes, 4)))
    rent = size * price * (1 - size / 900) + 9 * floor + 55 * balcony + _HEATING[heating] - 6 * away
    rent += max(0, built - 1995) * 5.5 - 40 * (1955 < built < 1980)
    rent = max(190, rent * luck.gauss(1, 0.06))
    shown_built: object = built if luck.random() > 0.04 else ""
    balcony_word = "yes" if balcony else "no"
    return district, size, room_count, floor, shown_built, balcony_word, heating, away, round(rent)
