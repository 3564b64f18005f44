"""The members of a blog's team, and the invitations to it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

VALID_FOR = timedelta(days=7)  # a link that is found in an old mailbox opens nothing


def week_from_now() -> datetime:
    return timezone.now() + VALID_FOR


class Role(models.TextChoices):
    """Each includes the rights of those before it; liveblog.editing.roles lists them."""

    CONTRIBUTOR = "contributor", pgettext_lazy("role", "Contributor")
    EDITOR = "editor", pgettext_lazy("role", "Editor")
    MANAGER = "manager", pgettext_lazy("role", "Manager")

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class Membership(models.Model):
    """One user's role in one blog."""

    blog = models.ForeignKey(
        "liveblog.LiveBlog", models.CASCADE, related_name="team", verbose_name=_("live blog")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=11, choices=Role)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blog", "user"], name="one_role_a_user")]
        ordering = ["created", "pk"]
        verbose_name = _("team member")
        verbose_name_plural = _("team members")

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class Invitation(models.Model):
    """An invitation to a team: whoever opens its link may join once. Accepting it deletes it.

    The link is signed and not stored (liveblog.teams.invitations), so that reading the database
    does not open a way in.
    """

    blog = models.ForeignKey(
        "liveblog.LiveBlog", models.CASCADE, related_name="invitations", verbose_name=_("live blog")
    )
    # Its right to invite is checked again when the link is used; without it the link is void.
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("invited by")
    )
    role = models.CharField(_("role"), max_length=11, choices=Role)
    email = models.EmailField(_("email address"), blank=True)
    # When the mail server took the mail, or refused it; without an address neither is set.
    mailed = models.DateTimeField(null=True)
    mail_failed = models.DateTimeField(null=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires = models.DateTimeField(_("expires"), default=week_from_now, editable=False)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.blog} · {self.get_role_display()}"
