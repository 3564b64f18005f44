"""Webhooks and their deliveries. See liveblog.webhooks."""

import base64
import secrets
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from liveblog.webhooks.addresses import is_allowed_host


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it: 32 bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Webhook(models.Model):
    """A URL that receives every change of a blog; see liveblog.webhooks."""

    blog = models.ForeignKey(
        "liveblog.LiveBlog", models.CASCADE, related_name="webhooks", verbose_name=_("live blog")
    )
    url = models.CharField(
        _("address"), max_length=500, validators=[URLValidator(schemes=["http", "https"])]
    )
    secret = models.CharField(_("secret"), max_length=60, default=new_secret, editable=False)
    active = models.BooleanField(_("active"), default=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # Failures in a row of the whole webhook, and when it is tried next after one. The database
    # has the defaults too: workers of the last release write while a release is under way.
    failures = models.PositiveIntegerField(
        _("failures in a row"), default=0, db_default=0, editable=False
    )
    paused_until = models.DateTimeField(_("paused until"), null=True, editable=False)
    # The process that delivers to it holds a claim until then; `served`: when it last claimed it.
    claimed_until = models.DateTimeField(null=True, editable=False)
    served = models.DateTimeField(null=True, editable=False)
    # Deliveries that were given up: they failed too often, became too old, or were too many.
    dropped = models.PositiveBigIntegerField(
        _("deliveries given up"), default=0, db_default=0, editable=False
    )

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            return  # the field's validator has said so
        if not is_allowed_host(host):
            raise ValidationError({"url": _("This is not a public address.")})


class Delivery(models.Model):
    """One message to a webhook.

    `due`: when it may be sent next; null once it was delivered or given up. `queued`: when it was
    written, or when staff had it sent again.
    """

    webhook = models.ForeignKey(
        Webhook, models.CASCADE, related_name="deliveries", verbose_name=_("webhook")
    )
    event = models.CharField(_("event"), max_length=20)
    revision = models.PositiveBigIntegerField(_("revision"))
    body = models.TextField(_("body"))
    created = models.DateTimeField(_("created"), default=timezone.now)
    queued = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    due = models.DateTimeField(_("next try"), null=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error = models.CharField(_("error"), max_length=200, blank=True)
    delivered = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        ordering = ["-created", "-id"]
        indexes = [
            models.Index(
                fields=["webhook", "due", "id"],
                condition=models.Q(due__isnull=False),
                name="webhook_backlog",
            )
        ]
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")

    def __str__(self) -> str:
        return f"{self.event} {self.revision} → {self.webhook}"
