"""Price book, ledger accounts and entries, wallets, holds, budgets.

Amounts are integer micro-units of the wallet's currency. The ledger is append-only and sums to zero per transaction
and currency: a deferred trigger checks it, UPDATE and DELETE are refused by another (see migrations).
"""

from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from apps.ledger.lots import KINDS
from apps.ledger.tiers import GRADUATED, MODES
from contracts.ids import new_id


class Price(models.Model):
    """One row of the price book: what a unit of a meter costs from a moment on. Never changed, only superseded."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "prc"), editable=False)
    meter = models.CharField(max_length=40)  # contracts.usage.METER_*
    dimension = models.CharField(max_length=40, blank=True)  # latency class for predictions, pool name for training
    currency = models.CharField(max_length=3, default="USD")
    unit_price_micros = models.BigIntegerField()
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["meter", "dimension", "currency", "effective_from"], name="price_once"),
            models.CheckConstraint(condition=Q(unit_price_micros__gte=0), name="price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.dimension} {self.unit_price_micros} {self.currency}"


class PriceTiers(models.Model):
    """Tiers over a meter's price in a calendar month, for a plan or for all. Never changed, only superseded."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "trf"), editable=False)
    plan = models.CharField(max_length=40, blank=True)  # a plan's name; empty: every organisation
    meter = models.CharField(max_length=40)
    dimension = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    mode = models.CharField(max_length=10, choices=[(mode, mode) for mode in MODES], default=GRADUATED)
    tiers = models.JSONField(default=list)  # [{up_to, unit_price_micros}]; empty from this date on: no tiers any more
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name_plural = "price tiers"
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "meter", "dimension", "currency", "effective_from"], name="tiers_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.meter} {self.dimension} {self.plan}"


class LedgerTransaction(models.Model):
    """A business fact about money. `ref` is unique: the same fact can be posted twice and counts once."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)  # grant, topup, hold, release, usage, lease, lease-close, reversal
    ref = models.CharField(max_length=200, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()  # when it happened; periods are chosen by it
    recorded_at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=300, blank=True)

    objects = TenantQuerySet["LedgerTransaction"].as_manager()

    def __str__(self) -> str:
        return self.ref


class LedgerEntry(models.Model):
    """One side of a transaction. Accounts and signs: apps/ledger/rules.py."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.PROTECT, related_name="entries")
    account = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["account", "currency"], name="entry_by_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_micros}"


class Budget(models.Model):
    """A cap that somebody set. Hard ones have a wallet per period and cannot be overspent; soft ones alert."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "bud"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="budgets")
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=12, choices=[(s, s) for s in ("organisation", "endpoint", "key")])
    scope_id = models.CharField(max_length=40)  # id of the organisation, endpoint or key
    limit_micros = models.BigIntegerField()  # of a quota: predictions
    measure = models.CharField(max_length=5, choices=[("money", "money"), ("units", "predictions")], default="money")
    period = models.CharField(
        max_length=10, choices=[("month", "calendar month"), ("total", "in total")], default="month"
    )
    is_hard = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Budget"].as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(limit_micros__gte=0), name="budget_not_negative")]

    def __str__(self) -> str:
        return self.name


class Wallet(models.Model):
    """Something that can be spent from, by holds and leases: an organisation's credit, or a hard budget's period.

    Credit wallets mirror the ledger: available == balance of customer:<org>, held == balance of held:<org>.
    Wallets of a quota (budget.measure == units) count predictions where others count micros.
    Budget wallets: limit == available + held + spent; they move on their row only, without ledger entries.
    `available` may go down to -overdraft (post-paid customers).
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "wal"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="wallets")
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, null=True, blank=True, related_name="wallets")
    currency = models.CharField(max_length=3, default="USD")
    available_micros = models.BigIntegerField(default=0)
    held_micros = models.BigIntegerField(default=0)
    spent_micros = models.BigIntegerField(default=0)
    overdraft_micros = models.BigIntegerField(default=0)
    attributed_micros = models.BigIntegerField(default=0)  # of what is spent, that which lots of credit have paid
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Wallet"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(available_micros__gte=-F("overdraft_micros")), name="never_overspent"),
            models.CheckConstraint(condition=Q(held_micros__gte=0), name="held_not_negative"),
            models.UniqueConstraint(fields=["organisation"], condition=Q(budget=None), name="one_credit_wallet"),
            models.UniqueConstraint(
                fields=["budget", "period_start"],
                nulls_distinct=False,
                condition=Q(budget__isnull=False),
                name="one_wallet_per_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation} {'budget' if self.budget_id else 'credit'}"


class Hold(models.Model):
    """Money set aside for a run or a batch until it ends. States: open -> closed (charged and released at once)."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "hold"), editable=False)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="holds")
    subject = models.CharField(max_length=60, unique=True)  # run_… or bat_…
    amount_micros = models.BigIntegerField()
    charged_micros = models.BigIntegerField(default=0)
    budget_wallets = models.JSONField(default=list)  # ids of hard budgets' wallets that hold the same amount
    state = models.CharField(max_length=10, default="open")
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(charged_micros__gte=0) & Q(charged_micros__lte=F("amount_micros")),
                name="hold_never_overcharged",
            )
        ]

    def __str__(self) -> str:
        return self.subject


class CreditLot(models.Model):
    """One grant of credit and what became of it: amount == left + used + expired + withdrawn, always.

    The sum of what is left, plus what is spent and not attributed yet, is what the credit wallet has and holds.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "lot"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="credit_lots")
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    ref = models.CharField(max_length=200, unique=True)  # of the ledger transaction that granted it
    note = models.CharField(max_length=300, blank=True)
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()
    used_micros = models.BigIntegerField(default=0)  # negative only for kind `returned`: credit that came back
    expired_micros = models.BigIntegerField(default=0)
    withdrawn_micros = models.BigIntegerField(default=0)  # paid back to where it came from
    left_micros = models.GeneratedField(
        expression=F("amount_micros") - F("used_micros") - F("expired_micros") - F("withdrawn_micros"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["CreditLot"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_micros__gte=F("used_micros") + F("expired_micros") + F("withdrawn_micros")),
                name="lot_never_overdrawn",
            )
        ]
        indexes = [models.Index(fields=["organisation", "expires_at"], name="lots_by_expiry")]

    def __str__(self) -> str:
        return self.ref
