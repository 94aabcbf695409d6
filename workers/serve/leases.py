"""Credit leases: blocks of money granted by control, spent here without a round trip, never more than granted.

A request spends from all of its wallets or from none. A wallet is refilled in the background at 30 % left; only a
request that finds nothing to spend waits for the refill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from contracts.usage import LeaseGrant
from workers.serve.problems import Refused

SAFETY_S = 5.0  # a lease is not touched this close to its end
REFILL_BELOW = 0.3
BREAKER_S = 1.0
AHEAD_S = 10.0  # a refill asks for this many seconds of the present spending
FIRST_PRICES = 200  # the first request of a wallet asks for this many times its own price


class Lease:
    """`left` is free to spend; `open_calls` have spent and are not journalled or given back yet."""

    __slots__ = ("granted", "id", "journal_part", "left", "open_calls", "shipped_at", "usable_until_s", "wallet")

    def __init__(self, wallet: Wallet, grant: LeaseGrant, asked_s: float) -> None:
        self.id = grant.id
        self.wallet = wallet
        self.granted = self.left = grant.granted_micros
        self.usable_until_s = asked_s + grant.expires_in_s - SAFETY_S
        self.open_calls = 0
        self.journal_part = f'"{wallet.id}":"{grant.id}"'.encode()
        self.shipped_at: Any = None  # journal position after its last record, set when it is retired


@dataclass
class Wallet:
    """The leases this process holds on one wallet, and the requests that wait for more."""

    id: str
    counts_units: bool = False  # a quota of predictions; else money
    leases: list[Lease] = field(default_factory=list)
    waiting: deque[Any] = field(default_factory=deque)
    refilling: bool = False
    refused_least: int = 0  # control had not even this much …
    refused: Refused | None = None
    refused_until_s: float = 0.0  # … and need not be asked again before this
    away_until_s: float = 0.0
    rate_micros_s: float = 0.0
    spent_since: int = 0
    since_s: float = field(default_factory=monotonic)


class Leases:
    def __init__(self, ask_control: Callable[[Wallet, int, int], None]) -> None:
        self.wallets: dict[str, Wallet] = {}
        self.retired: list[Lease] = []
        self._ask_control = ask_control  # (wallet, want, least): ends in `granted`, `empty` or `away`

    def wallet(self, wallet_id: str, *, counts_units: bool = False) -> Wallet:
        wallet = self.wallets.get(wallet_id)
        if wallet is None:
            wallet = self.wallets[wallet_id] = Wallet(wallet_id, counts_units)
        return wallet

    def spend(self, wallets: tuple[Wallet, ...], amount: int, units: int) -> tuple[Lease, ...] | Wallet:
        """Take micros from each wallet, `units` from each quota; or say which needs a refill first. Raises Refused."""
        found = []
        for wallet in wallets:
            cost = units if wallet.counts_units else amount
            if not cost:
                continue
            lease = self._usable(wallet, cost)
            if lease is None:
                self._need(wallet, cost)
                return wallet
            found.append(lease)
        for lease in found:
            wallet = lease.wallet
            cost = units if wallet.counts_units else amount
            lease.left -= cost
            lease.open_calls += 1
            wallet.spent_since += cost
            if not wallet.refilling and lease.left < lease.granted * REFILL_BELOW:
                self._refill_ahead(wallet, cost)
        return tuple(found)

    def spend_at_once(self, wallets: tuple[Wallet, ...], amount: int, units: int) -> tuple[Lease, ...] | None:
        """Take the price of many requests from each wallet; None, and nothing taken, where that needs a refill.
        `give_back` and `keep` take the same leases once for all of them."""
        for wallet in wallets:
            if self._usable(wallet, units if wallet.counts_units else amount) is None:
                return None
        spent = self.spend(wallets, amount, units)
        return None if isinstance(spent, Wallet) else spent

    def give_back(self, leases: tuple[Lease, ...], amount: int, units: int) -> None:
        """The request failed: nothing was journalled, the money is free again."""
        for lease in leases:
            cost = units if lease.wallet.counts_units else amount
            lease.left += cost
            lease.open_calls -= 1
            lease.wallet.spent_since -= cost

    def keep(self, leases: tuple[Lease, ...]) -> None:
        """The record is durable: the money is spent for good."""
        for lease in leases:
            lease.open_calls -= 1

    # answers of control

    def granted(self, wallet: Wallet, grant: LeaseGrant, least: int, asked_s: float) -> list[Any]:
        """Take a new lease; return the requests that waited for it. Pieces too small to use go back at once."""
        wallet.refused = None
        wallet.away_until_s = 0.0
        self._retire_crumbs(wallet, least)
        wallet.leases.append(Lease(wallet, grant, asked_s))
        return self._release(wallet)

    def empty(self, wallet: Wallet, least: int, refusal: Refused) -> list[Any]:
        """Control has less than `least`. Pieces too small to use go back, so that they can be granted as one."""
        wallet.refused, wallet.refused_least = refusal, least
        wallet.refused_until_s = monotonic() + BREAKER_S
        self._retire_crumbs(wallet, least)
        return self._release(wallet)

    def away(self, wallet: Wallet) -> list[Any]:
        wallet.away_until_s = monotonic() + BREAKER_S
        return self._release(wallet)

    def retire_ended(self) -> None:
        """Once a second: put aside the leases that are spent or near their end."""
        now_s = monotonic()
        for wallet in self.wallets.values():
            for lease in list(wallet.leases):
                if lease.usable_until_s <= now_s or (lease.left <= 0 and lease.open_calls == 0):
                    self._retire(lease)

    def retire_all(self) -> None:
        for wallet in self.wallets.values():
            for lease in list(wallet.leases):
                self._retire(lease)

    def held_micros(self) -> int:
        money = [wallet for wallet in self.wallets.values() if not wallet.counts_units]
        return sum(lease.left for wallet in money for lease in wallet.leases)

    # inside

    def _usable(self, wallet: Wallet, amount: int) -> Lease | None:
        now_s = monotonic()
        for lease in wallet.leases:
            if lease.left >= amount and lease.usable_until_s > now_s:
                return lease
        return None

    def _need(self, wallet: Wallet, amount: int) -> None:
        """Start a refill, or raise what control said a moment ago."""
        if wallet.refilling:
            return
        now_s = monotonic()
        if wallet.refused is not None and wallet.refused_until_s > now_s and amount >= wallet.refused_least:
            raise wallet.refused.with_traceback(None)  # one object raised often would collect tracebacks
        if wallet.away_until_s > now_s:
            raise control_away()
        self._refill(wallet, amount)

    def _refill_ahead(self, wallet: Wallet, amount: int) -> None:
        """Nobody waits yet: ask, unless there is more in another lease or control said no less than a second ago."""
        now_s = monotonic()
        said_no = wallet.away_until_s > now_s or wallet.refused_until_s > now_s
        low = sum(lease.left for lease in wallet.leases) < wallet.leases[-1].granted * REFILL_BELOW
        if low and not said_no:
            self._refill(wallet, amount)

    def _refill(self, wallet: Wallet, amount: int) -> None:
        now_s = monotonic()
        elapsed = max(now_s - wallet.since_s, 0.1)
        wallet.rate_micros_s = 0.5 * wallet.rate_micros_s + 0.5 * max(wallet.spent_since, 0) / elapsed
        wallet.spent_since, wallet.since_s = 0, now_s
        wallet.refilling = True
        want = max(int(wallet.rate_micros_s * AHEAD_S), amount * FIRST_PRICES)
        self._ask_control(wallet, want, amount)

    def _release(self, wallet: Wallet) -> list[Any]:
        wallet.refilling = False
        waiting, wallet.waiting = list(wallet.waiting), deque()
        return waiting

    def _retire_crumbs(self, wallet: Wallet, least: int) -> None:
        for lease in [lease for lease in wallet.leases if lease.left < least]:
            self._retire(lease)

    def _retire(self, lease: Lease) -> None:
        lease.wallet.leases.remove(lease)
        self.retired.append(lease)


def control_away() -> Refused:
    return Refused(
        "ours:control-unavailable", "No credit is held here for this request at the moment.", retry_after_s=1
    )


def budget_exhausted(wallet: str, problem: dict[str, Any]) -> Refused:
    """Control's 402 in the words of the data plane."""
    if problem.get("code") == "yours:suspended":
        return Refused("yours:suspended", str(problem.get("detail", "")), extra={"wallet": wallet})
    extra = {"wallet": problem.get("wallet") or wallet, "available_micros": problem.get("available_micros", 0)}
    for name in ("budget_id", "resets_at", "available_units"):
        if problem.get(name) is not None:
            extra[name] = problem[name]
    return Refused("yours:budget-exhausted", str(problem.get("detail", "")), extra=extra)
