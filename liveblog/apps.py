from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LiveBlogConfig(AppConfig):
    name = "liveblog"
    verbose_name = _("Live blog")

    def ready(self):
        from liveblog import broadcast, webhooks  # noqa: F401  (connect to post_save)
