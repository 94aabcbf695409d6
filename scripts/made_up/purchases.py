"""Made-up purchases of a kitchen shop: who bought what and when."""

import datetime
import random

HEADER = ("customer", "product", "stars", "bought_at")
_PATHS = {  # what people of one taste buy, roughly in this order
    "coffee": (
        "espresso cups",
        "hand grinder",
        "pour-over cone",
        "paper filters",
        "gooseneck kettle",
        "kitchen scale",
        "milk jug",
        "bean tin",
        "tamper",
        "travel mug",
    ),
    "baking": (
        "mixing bowl",
        "whisk",
        "loaf tin",
        "proving basket",
        "dough scraper",
        "baker's lame",
        "rolling pin",
        "cooling rack",
        "cake ring",
        "piping bags",
    ),
    "wok": (
        "carbon steel wok",
        "wok spatula",
        "bamboo steamer",
        "rice cooker",
        "cleaver",
        "spider strainer",
        "soup spoons",
        "chopsticks",
        "spice tin",
        "noodle bowls",
    ),
    "grill": (
        "cast iron pan",
        "tongs",
        "chimney starter",
        "meat thermometer",
        "oven gloves",
        "basting brush",
        "skewers",
        "carving board",
        "steak knives",
        "smoker box",
    ),
}
_FIRST = datetime.datetime(2024, 9, 1, 8, tzinfo=datetime.UTC)


def rows(seed: int = 13, customers: int = 420) -> list[tuple[object, ...]]:
    """Each customer walks along one taste, skips some steps, and now and then buys a gift from another one."""
    luck = random.Random(seed)
    found = [row for number in range(customers) for row in _shopping(luck, f"c{number:03d}")]
    return sorted(found, key=lambda row: str(row[3]))


def _shopping(luck: random.Random, customer: str) -> list[tuple[object, ...]]:
    taste = luck.choice(list(_PATHS))
    place, when, bought = luck.randrange(4), _FIRST + datetime.timedelta(days=luck.randrange(120)), []
    for _ in range(luck.randint(3, 9)):
        gift = luck.random() < 0.12
        path = _PATHS[luck.choice(list(_PATHS))] if gift else _PATHS[taste]
        product = luck.choice(path) if gift else path[place % len(path)]
        bought.append((customer, product, max(1, min(5, round(luck.gauss(3.4 if gift else 4.2, 0.8)))), _stamp(when)))
        place += 0 if gift else luck.choice((1, 1, 1, 2))
        when += datetime.timedelta(days=luck.randint(1, 30), minutes=luck.randrange(600))
    return bought


def _stamp(when: datetime.datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
