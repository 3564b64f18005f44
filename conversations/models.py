"""Moderation. The messages of a room are not in the database."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.rooms.names import LONGEST_NAME


class Mute(models.Model):
    """A name that may read in a room, but not write."""

    room = models.CharField(_("room"), max_length=LONGEST_NAME)
    name = models.CharField(
        _("name"),
        max_length=150,
        help_text=_("A username, or the displayed name of a guest."),
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("muted by"),
    )
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-created"]
        constraints = [models.UniqueConstraint(fields=["room", "name"], name="one_mute_a_name")]
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")

    def __str__(self) -> str:
        return f"{self.name} ({self.room})"
