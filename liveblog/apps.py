from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LiveBlogConfig(AppConfig):
    name = "liveblog"
    verbose_name = _("Live blog")

    def ready(self) -> None:
        from liveblog.alerts import recording as alerts  # noqa: F401  (connects to post_save)
        from liveblog.editing.roles import make_groups
        from liveblog.link_cards import requesting  # noqa: F401  (connects to post_save)
        from liveblog.stream import broadcast  # noqa: F401  (connects to post_save)
        from liveblog.webhooks import recording  # noqa: F401  (connects to post_save)

        post_migrate.connect(make_groups, sender=self)
