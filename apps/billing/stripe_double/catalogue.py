"""The double's products and prices: licensed ones, and metered ones that stand on a meter."""

import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from stripe.params import PriceCreateParams, PriceListParams, ProductCreateParams

from apps.billing.stripe_double.parameters import WrongParameter, checked
from apps.billing.stripe_double.store import Store, listed, new_stripe_id, shaped

Answer = dict[str, Any]


def create_product(store: Store, given: Answer, base: str) -> Answer:
    values = checked(ProductCreateParams, given)
    name = values.get("id") or new_stripe_id("prod")
    if name in store.objects["product"]:
        raise WrongParameter("Product already exists.", "id", "resource_already_exists")
    made = shaped(
        "product",
        id=name,
        created=int(time.time()),
        updated=int(time.time()),
        default_price=None,
        description=values.get("description"),
        livemode=False,
        metadata=values.get("metadata", {}),
        name=values["name"],
        package_dimensions=None,
        tax_code=values.get("tax_code"),
        type=values.get("type", "service"),
        unit_label=values.get("unit_label"),
    )
    return store.keep("product", made)


def get_product(store: Store, given: Answer, base: str, product_id: str) -> Answer:
    return store.found("product", product_id)


def create_price(store: Store, given: Answer, base: str) -> Answer:
    values = checked(PriceCreateParams, given)
    store.found("product", values.get("product", ""))
    key = values.get("lookup_key")
    if key and any(one["lookup_key"] == key for one in store.objects["price"].values()):
        message = f"A price (`{key}`) already uses that lookup key."
        raise WrongParameter(message, "lookup_key", "resource_already_exists")
    exact = values.get("unit_amount_decimal")
    if ("unit_amount" in values) == (exact is not None):
        message = "Say either unit_amount or unit_amount_decimal."
        raise WrongParameter(message, "unit_amount", "parameter_invalid")
    amount = Decimal(values["unit_amount"] if exact is None else exact)
    made = shaped(
        "price",
        id=new_stripe_id("price"),
        created=int(time.time()),
        currency=values["currency"],
        custom_unit_amount=None,
        livemode=False,
        lookup_key=key,
        metadata=values.get("metadata", {}),
        nickname=values.get("nickname"),
        product=values["product"],
        recurring=_recurring(store, values.get("recurring")),
        tax_behavior=values.get("tax_behavior", "unspecified"),
        transform_quantity=None,
        type="recurring" if values.get("recurring") else "one_time",
        unit_amount=int(amount) if amount == int(amount) else None,
        unit_amount_decimal=format(amount.normalize(), "f"),
    )
    return store.keep("price", made)


def _recurring(store: Store, given: Answer | None) -> Answer | None:
    if not given:
        return None
    usage = given.get("usage_type", "licensed")
    if (usage == "metered") != ("meter" in given):
        message = "A metered price needs a meter, and only a metered one has it."
        raise WrongParameter(message, "recurring[meter]", "parameter_invalid")
    if "meter" in given:
        store.found("meter", given["meter"])
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "usage_type": usage,
        "trial_period_days": None,
    }


def list_prices(store: Store, given: Answer, base: str) -> Answer:
    values = checked(PriceListParams, given)
    rows = [
        one
        for one in store.objects["price"].values()
        if ("lookup_keys" not in values or one["lookup_key"] in values["lookup_keys"])
        and values.get("product") in (None, one["product"])
        and values.get("active") in (None, one["active"])
    ]
    return listed("/v1/prices", rows)


ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    ("POST", re.compile(r"/v1/products"), create_product),
    ("GET", re.compile(r"/v1/products/(\w+)"), get_product),
    ("POST", re.compile(r"/v1/prices"), create_price),
    ("GET", re.compile(r"/v1/prices"), list_prices),
]
