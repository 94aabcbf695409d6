"""Made-up messages to a shop's help desk and the team that answers them: texts with a label."""

import random

HEADER = ("message", "team")
_OPENINGS = ("Hello, ", "Hi, ", "Good morning, ", "", "", "Hi there! ", "Dear team, ", "Excuse me, ")
_ENDINGS = (
    "",
    " Thanks!",
    " Please help.",
    " Can you look into it?",
    " It is rather urgent.",
    " Order {order}.",
    " Best, {name}",
)
_NAMES = ("Ada", "Bo", "Chen", "Dina", "Emre", "Femi", "Greta", "Hugo", "Ines", "Jun")
_THINGS = ("lamp", "kettle", "desk", "chair", "backpack", "blender", "radio", "tent", "jacket", "bike light")
_SAYINGS = {
    "billing": (
        "I was charged twice for the {thing}",
        "the invoice for my {thing} shows the wrong address",
        "my card was declined although there is money on it",
        "when will the refund for the {thing} reach my account?",
        "I need a receipt with the VAT number for the {thing}",
        "the discount code did not lower the price of the {thing}",
        "why does my statement show {amount} euros more than the order?",
    ),
    "delivery": (
        "the {thing} has not arrived after {days} days",
        "the tracking page has said 'in transit' for {days} days",
        "the parcel with the {thing} was left with a neighbour I do not know",
        "can you deliver the {thing} to another address?",
        "the courier rang once and took the {thing} away again",
        "half of my order is missing: there was no {thing} in the box",
        "is it possible to get the {thing} before the weekend?",
    ),
    "product": (
        "the {thing} stopped working after {days} days",
        "which size of the {thing} fits a person of {amount} centimetres?",
        "the {thing} arrived with a scratch on one side",
        "how do I clean the {thing}?",
        "a screw for the {thing} is missing, can I buy one?",
        "the {thing} makes a strange noise when it is warm",
        "does the {thing} come in green as well?",
    ),
    "account": (
        "I cannot log in, the password mail never arrives",
        "please delete my account and everything you know about me",
        "how do I change the e-mail address of my account?",
        "the code for the second step is not accepted",
        "somebody logged in to my account from another country",
        "I stopped the newsletter {days} days ago and still get it",
        "my saved {thing} vanished from the wish list after I logged in",
    ),
}


def rows(seed: int = 14, count: int = 720) -> list[tuple[object, ...]]:
    """Every saying with changing words, typing slips in some, and three in a hundred sent to the wrong team."""
    luck = random.Random(seed)
    teams = list(_SAYINGS)
    found: dict[str, str] = {}
    while len(found) < count:
        team = luck.choice(teams)
        text = luck.choice(_OPENINGS) + luck.choice(_SAYINGS[team]) + "." + luck.choice(_ENDINGS)
        text = text.replace("?.", "?").format(
            thing=luck.choice(_THINGS),
            days=luck.randint(2, 30),
            amount=luck.randint(12, 190),
            order=luck.randint(10_000, 99_999),
            name=luck.choice(_NAMES),
        )
        found[_slip(luck, text)] = luck.choice(teams) if luck.random() < 0.03 else team
    return list(found.items())


def _slip(luck: random.Random, text: str) -> str:
    """One message in six has two neighbouring letters exchanged."""
    if luck.random() > 1 / 6:
        return text
    place = luck.randrange(1, len(text) - 2)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
