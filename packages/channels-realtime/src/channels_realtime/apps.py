from django.apps import AppConfig


class ChannelsRealtimeConfig(AppConfig):
    """Named before `channels` in INSTALLED_APPS, so that its management commands come first."""

    name = "channels_realtime"

    def ready(self) -> None:
        from channels_realtime import checks  # noqa: F401  registers them
