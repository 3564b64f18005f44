"""Who may do what on an editor's page, and the groups that give it.

Contributors write, editors publish, admins also make blogs, users and webhooks in /admin/, where
Django asks for staff status besides. Staff and superusers are operators: they may do everything
here. The groups are nothing but Django permissions, so that operators can mix.
"""

from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.db import transaction
from django.utils.translation import gettext as _

from liveblog.models import LONGEST_NAME, BlogUpdate

CONTRIBUTOR = {"liveblog": ["view_liveblog", "view_blogupdate", "add_blogupdate"]}
EDITOR = {
    "liveblog": [
        *CONTRIBUTOR["liveblog"],
        *("publish_blogupdate", "change_blogupdate", "delete_blogupdate", "change_liveblog"),
    ]
}
ADMIN = {
    "liveblog": [
        *EDITOR["liveblog"],
        *("add_liveblog", "delete_liveblog", "view_pastversion", "delete_pastversion"),
        *(f"{verb}_webhook" for verb in ("add", "change", "delete", "view")),
        "view_delivery",
    ],
    "auth": ["add_user", "change_user", "view_user", "view_group"],
}
GROUPS = {"contributor": CONTRIBUTOR, "editor": EDITOR, "admin": ADMIN}


@dataclass(frozen=True)
class Rights:
    """What a user may do to a blog, beside reading it."""

    write: bool = False  # make drafts, and change those that are not scheduled
    publish: bool = False  # publish and schedule
    change: bool = False  # what readers see, and every draft
    delete: bool = False  # every update; one's own drafts go without it
    run: bool = False  # start and end the coverage, set its title

    @property
    def any(self) -> bool:
        return self.write or self.change or self.delete or self.run

    @property
    def post(self) -> bool:
        """Whether a new update may be published at once."""
        return self.write and self.publish

    def may_edit(self, update: BlogUpdate) -> bool:
        """What somebody has scheduled is as good as published: no further look comes."""
        if update.publish_at and not self.publish:
            return False
        return self.change or (self.write and update.draft)

    def may_delete(self, update: BlogUpdate, user) -> bool:
        own = update.draft and not update.publish_at and update.owner_id == user.pk
        return self.delete or (self.write and own)


def rights_of(user) -> Rights:
    if not user.is_active:
        return Rights()
    if user.is_staff:
        return Rights(*[True] * 5)
    names = ("add_blogupdate", "publish_blogupdate", "change_blogupdate", "delete_blogupdate")
    return Rights(*(user.has_perm(f"liveblog.{name}") for name in (*names, "change_liveblog")))


def name_of(user) -> str:
    """What the newsroom calls a user."""
    return (user.get_full_name() or user.get_username())[:LONGEST_NAME]


def may_not_edit() -> str:
    return _("You don't have permission to edit live blogs. Ask an administrator for it.")


def make_groups(using, **kwargs):
    """After `migrate`: the groups that are missing. Those that exist are their operator's.

    Permissions are made by a receiver that comes later than this one, perhaps.
    """
    from django.contrib.auth.models import Group, Permission

    for app in sorted({app for role in GROUPS.values() for app in role}):
        create_permissions(apps.get_app_config(app), verbosity=0, using=using)
    for name, role in GROUPS.items():
        with transaction.atomic(using=using):
            group, made = Group.objects.using(using).get_or_create(name=name)
            for app, codenames in role.items() if made else ():
                permissions = Permission.objects.using(using).filter(content_type__app_label=app)
                group.permissions.add(*permissions.filter(codename__in=codenames))
