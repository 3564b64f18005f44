"""Counts failed logins, for /metrics; django-axes limits them."""

from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver

from conversations.redis_store import layer


@receiver(user_login_failed)
def count(**_: object) -> None:
    layer().count("login_failures")
