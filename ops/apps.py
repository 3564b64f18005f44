from django.apps import AppConfig
from django.conf import settings


class OpsConfig(AppConfig):
    name = "ops"

    def ready(self):
        from proj import checks  # noqa: F401  (registers them)

        if settings.ENVIRONMENT.LOG_FORMAT == "json":
            import channels.log

            from proj.logs import JsonHandler

            channels.log.handler = JsonHandler()
