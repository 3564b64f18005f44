"""What each user may do on an editor's page, and the groups that grant it.

Contributors write, editors publish, admins also create blogs, users and webhooks in /admin/, which
Django opens only to staff. Staff and superusers are operators: they may do everything here. A group
is a set of Django permissions, so operators can combine them as they like.
"""

from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from liveblog.fields import LONGEST_NAME
from liveblog.models import BlogUpdate

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
    """What a user may do with a blog, besides reading it."""

    write: bool = False  # create drafts, and change those that are not scheduled
    publish: bool = False  # publish and schedule
    change: bool = False  # published updates, and every draft
    delete: bool = False  # every update; a user may delete own drafts without it
    run: bool = False  # start and end the coverage, set its title

    @property
    def any(self) -> bool:
        return self.write or self.change or self.delete or self.run

    @property
    def post(self) -> bool:
        """Whether a new update may be published at once."""
        return self.write and self.publish

    def may_edit(self, update: BlogUpdate) -> bool:
        """A scheduled update counts as published: nobody reviews it again before it is."""
        if update.publish_at and not self.publish:
            return False
        return self.change or (self.write and update.draft)

    def may_delete(self, update: BlogUpdate, user: User) -> bool:
        own = update.draft and not update.publish_at and update.owner_id == user.pk
        return self.delete or (self.write and own)

    def may_restore(self, update: BlogUpdate, user: User) -> bool:
        """To restore a post publishes it."""
        return self.may_delete(update, user) and (update.draft or self.publish)


def rights_of(user: User | AnonymousUser) -> Rights:
    if not user.is_active:
        return Rights()
    if user.is_staff:
        return Rights(*[True] * 5)
    names = ("add_blogupdate", "publish_blogupdate", "change_blogupdate", "delete_blogupdate")
    return Rights(*(user.has_perm(f"liveblog.{name}") for name in (*names, "change_liveblog")))


def user_of(request: HttpRequest) -> User:
    """The user who is logged in; for views that admit nobody else."""
    assert isinstance(request.user, User)
    return request.user


def session_user(request: HttpRequest) -> User | None:
    """The user who is logged in, or None; for pages that anybody may read.

    Without a session's cookie no session is read, because Django answers with `Vary: Cookie` after
    that, and shared caches would not keep the page.
    """
    if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
        return user_of(request)
    return None


def name_of(user: User) -> str:
    """The user's name as the newsroom sees it."""
    return (user.get_full_name() or user.get_username())[:LONGEST_NAME]


def may_not_edit() -> str:
    return _("You don't have permission to edit live blogs. Ask an administrator for it.")


def make_groups(using: str, **kwargs: object) -> None:
    """After `migrate`: create the groups that are missing. Existing groups are left as they are.

    Creates the permissions first: Django's own receiver for that may run after this one.
    """
    for app in sorted({app for role in GROUPS.values() for app in role}):
        create_permissions(apps.get_app_config(app), verbosity=0, using=using)
    for name, role in GROUPS.items():
        with transaction.atomic(using=using):
            group, made = Group.objects.using(using).get_or_create(name=name)
            for app, codenames in role.items() if made else ():
                permissions = Permission.objects.using(using).filter(content_type__app_label=app)
                group.permissions.add(*permissions.filter(codename__in=codenames))
