"""A user's balance; each change of it is checked for whether the balance becomes low."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _

from accounts.signals import turned

MAX_DIGITS, DECIMAL_PLACES = 12, 2


class Amounts(NamedTuple):
    balance: Decimal
    low_mark: Decimal


class AccountQuerySet(models.QuerySet["Account"]):
    """Bulk changes go through each row's save(), which checks the balance."""

    def update(self, **values: Any) -> int:
        """Set the values, which may be expressions, row by row."""
        with transaction.atomic(using=self.db):
            rows = list(self.select_for_update())
            for row in rows:
                for name, value in values.items():
                    setattr(row, name, value)
                row.save(using=self.db, update_fields=list(values))
        return len(rows)

    # Templates must not call it.
    update.alters_data = True  # type: ignore[attr-defined]  # Django's mark on a function


class Account(models.Model):
    """`is_insufficient` is computed where the balance or the mark changes; else it may be set."""

    flag_in_db: bool | None  # is_insufficient as it was read; None: deferred

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="account", verbose_name=_("user")
    )
    balance = models.DecimalField(
        _("balance"), default=0, max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    low_mark = models.DecimalField(
        _("minimum balance"),
        default=0,
        help_text=_("A balance below this is insufficient."),
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
    )
    is_insufficient = models.BooleanField(_("insufficient"), default=False)
    language = models.CharField(
        _("language"),
        max_length=12,
        blank=True,
        help_text=_("Language of e-mails. Leave empty for the default."),
    )

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["user"]
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return str(self.user)

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        **options: Any,
    ) -> Self:
        account = super().from_db(db, field_names, values, **options)
        account.flag_in_db = account.__dict__.get("is_insufficient")
        return account

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self.flag_in_db = self.__dict__.get("is_insufficient")

    def save(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        """Save, and send `turned` if that changed `is_insufficient`.

        The row before and after the save is compared under its lock: only one of two concurrent
        saves makes the change, and `F("balance") - 5` counts as its result.
        """
        using = using or router.db_for_write(Account, instance=self)
        accounts: models.QuerySet[Account] = models.QuerySet(Account, using=using)
        with transaction.atomic(using=using):
            before = accounts.select_for_update().filter(pk=self.pk).first() if self.pk else None
            if before is not None and self.is_insufficient == getattr(self, "flag_in_db", None):
                # It was not set since it was read, and the row may have changed meanwhile.
                self.is_insufficient = before.is_insufficient
            super().save(*args, using=using, **kwargs)
            rows = accounts.filter(pk=self.pk)
            now = rows.get()
            self.balance, self.low_mark = now.balance, now.low_mark
            self.is_insufficient = now.is_insufficient
            low = now.balance < now.low_mark
            if before is None:
                self.is_insufficient = low or now.is_insufficient
            elif now.amounts != before.amounts:
                self.is_insufficient = low
            if self.is_insufficient != now.is_insufficient:
                rows.update(is_insufficient=self.is_insufficient)
            if before is not None and self.is_insufficient != before.is_insufficient:
                turned.send(Account, account=self, using=using)
        self.flag_in_db = self.is_insufficient

    @property
    def amounts(self) -> Amounts:
        return Amounts(self.balance, self.low_mark)
