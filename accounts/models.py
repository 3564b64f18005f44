"""A user's balance. Whatever changes it finds out whether that makes it low, or no longer low."""

from django.conf import settings
from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _

from accounts.signals import turned

MONEY = {"max_digits": 12, "decimal_places": 2}


class AccountQuerySet(models.QuerySet):
    """Bulk changes go through each row's save(), which notices a turn."""

    def update(self, **values):
        """Set the values, expressions as well, on each row by itself: each may turn."""
        with transaction.atomic(using=self.db):
            rows = list(self.select_for_update())
            for row in rows:
                for name, value in values.items():
                    setattr(row, name, value)
                row.save(using=self.db, update_fields=list(values))
        return len(rows)

    update.alters_data = True


class Account(models.Model):
    """`is_insufficient` follows from a changed balance or mark; without one it may be set."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="account", verbose_name=_("user")
    )
    balance = models.DecimalField(_("balance"), default=0, **MONEY)
    low_mark = models.DecimalField(
        _("minimum balance"),
        default=0,
        help_text=_("A balance below this is insufficient."),
        **MONEY,
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

    def __str__(self):
        return str(self.user)

    @classmethod
    def from_db(cls, db, field_names, values):
        account = super().from_db(db, field_names, values)
        account.flag_in_db = account.__dict__.get("is_insufficient")
        return account

    def refresh_from_db(self, *args, **kwargs):
        super().refresh_from_db(*args, **kwargs)
        self.flag_in_db = self.__dict__.get("is_insufficient")

    def save(self, *args, using=None, **kwargs):
        """Save, and tell `turned` where that turned the account.

        Compared is what the database held, under the row's lock, with what it holds then: of two
        saves at the same time one alone is the turn, and `F("balance") - 5` counts as its result.
        """
        using = using or router.db_for_write(Account, instance=self)
        rows = models.QuerySet(Account, using=using).filter(pk=self.pk)
        with transaction.atomic(using=using):
            before = rows.select_for_update().first() if self.pk else None
            if before is not None and self.is_insufficient == getattr(self, "flag_in_db", None):
                # Nobody has set it since it was read: it may have turned meanwhile.
                self.is_insufficient = before.is_insufficient
            super().save(*args, using=using, **kwargs)
            rows = models.QuerySet(Account, using=using).filter(pk=self.pk)
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
    def amounts(self):
        return self.balance, self.low_mark
