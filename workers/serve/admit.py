"""May this request run now? Load first, then rate for all requests of a tick at once, then money."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from workers.serve.call import Call
from workers.serve.directory import Route
from workers.serve.leases import Leases, Wallet
from workers.serve.limits import DEMANDS_PER_CALL, Demand, Limits, Verdict
from workers.serve.problems import Refused
from workers.serve.rate_headers import passed_header, refused_header
from workers.serve.seats import SeatKeeper
from workers.serve.turns import Turns

Group = tuple[Route, list[Call]]


class Gate:
    """`passed` gets calls whose rate and money are settled; `refuse` gets the others."""

    def __init__(
        self,
        limits: Limits,
        leases: Leases,
        passed: Callable[[list[Call]], None],
        refuse: Callable[[Call, Refused], None],
    ) -> None:
        self._limits = limits
        self._turns = Turns()
        self._seats = SeatKeeper(limits)
        self._leases = leases
        self._passed = passed
        self._refuse = refuse

    def check_load(self, call: Call, route: Route) -> None:
        """What this process knows by itself. Raises Refused; else the call counts against its organisation."""
        organisation = route.organisation
        if organisation.in_flight >= route.max_concurrency:
            detail = f"More than {route.max_concurrency} requests of the organisation are under way."
            raise Refused("yours:rate-limited", detail, retry_after_s=1)
        if route.buckets and call.units > route.smallest_burst:
            detail = f"{call.units} rows at once never fit the rate limit; at most {route.smallest_burst} do."
            raise Refused("yours:too-large", detail)
        call.amount_micros = call.units * route.unit_price
        organisation.in_flight += 1
        call.admitted = True

    def admit(self, calls: list[Call]) -> None:
        """Take all calls of a tick; those whose keys limit what is under way get a seat first."""
        seated = [call for call in calls if call.route is not None and call.route.seats]
        if seated:
            self._seats.take(seated, self._seated)
            calls = [call for call in calls if call.route is None or not call.route.seats]
        if calls:
            self._admit(calls)

    def _seated(self, passing: list[Call], late: list[tuple[Call, int]]) -> None:
        for call, most in late:
            detail = f"More than {most} requests of the key are under way."
            self._refuse(call, Refused("yours:rate-limited", detail, retry_after_s=1))
        if passing:
            self._admit(passing)

    def leave(self, call: Call) -> None:
        """The call is answered: its seat is free."""
        self._seats.leave(call)

    def _admit(self, calls: list[Call]) -> None:
        groups: dict[tuple[Route, int], list[Call]] = {}
        for call in calls:
            if call.route is not None:
                groups.setdefault((call.route, call.units), []).append(call)
        limited: list[Group] = []
        free: list[Call] = []
        for (route, units), members in groups.items():
            if not route.buckets:
                free += members
            elif (verdict := route.ahead.take(units * len(members), self._limits.link, self._limits.nodes)) is not None:
                verdict.passing = len(members)
                free += self._apply(route, members, verdict)
            else:
                limited.append((route, members))
        for start in range(0, len(limited), DEMANDS_PER_CALL):
            self._check_rates(limited[start : start + DEMANDS_PER_CALL])
        if free:
            self._settle_money(free)

    def _check_rates(self, groups: list[Group]) -> None:
        demands: list[Demand] = [(route.buckets, members[0].units, len(members)) for route, members in groups]

        def decided(verdicts: list[Verdict]) -> None:
            passing: list[Call] = []
            for (route, members), verdict in zip(groups, verdicts, strict=True):
                passing += self._apply(route, members, verdict)
            if passing:
                self._settle_money(passing)

        self._limits.check(demands, decided)

    def _apply(self, route: Route, members: list[Call], verdict: Verdict) -> list[Call]:
        headers = route.policy_header + passed_header(route.buckets, verdict)
        for call in members[: verdict.passing]:
            call.rate_headers = headers
        late = members[verdict.passing :]
        if late:
            headers = route.policy_header + refused_header(route.buckets, verdict)
            for call in late:
                call.rate_headers = headers
                wait_s = self._turns.wait_s(route.buckets, verdict, call.units, self._limits.nodes)
                self._refuse(call, Refused("yours:rate-limited", retry_after_s=wait_s))
        return members[: verdict.passing]

    def _settle_money(self, calls: list[Call]) -> None:
        paid: list[Call] = []
        for call in calls:
            try:
                if self._pay(call):
                    paid.append(call)
            except Refused as refusal:
                self._unpaid(call, refusal)
        if paid:
            self._passed(paid)

    def _unpaid(self, call: Call, refusal: Refused) -> None:
        """Checked all, committed all: a request that no money was left for has used no rate either."""
        if call.route is not None and call.route.buckets:
            self._limits.give_back(call.route.buckets, call.units)
            call.rate_headers = call.route.policy_header  # the numbers are looked up again
        self._refuse(call, refusal)

    def resume(self, calls: list[Call]) -> None:
        """A refill came, or failed: try again those that waited for it."""
        now_s = monotonic()
        alive = []
        for call in calls:
            if call.gone or call.deadline_s <= now_s:
                self._refuse(call, Refused("yours:deadline", "It waited too long for credit and was not run."))
            else:
                alive.append(call)
        self._settle_money(alive)

    def _pay(self, call: Call) -> bool:
        """True: paid. False: parked until a wallet is refilled."""
        route = call.route
        if route is None or (call.amount_micros == 0 and not route.counts_units):
            return True
        found = self._leases.spend(route.wallets, call.amount_micros, call.units)
        if isinstance(found, Wallet):
            found.waiting.append(call)
            return False
        call.leases = found
        return True
