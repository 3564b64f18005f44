from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """Named before `channels` in INSTALLED_APPS, so that its management commands come first."""

    name = "realtime"
