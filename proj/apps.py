from django.apps import AppConfig
from django.conf import settings


class SiteConfig(AppConfig):
    """The site's base templates and translations; its checks and its log format."""

    name = "proj"

    def ready(self) -> None:
        from proj import checks  # noqa: F401  (registers them)

        if settings.ENVIRONMENT.LOG_FORMAT == "json":
            import channels.log

            from proj.logs import JsonHandler

            channels.log.handler = JsonHandler()
