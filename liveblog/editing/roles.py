"""What each user may do with a live blog, and what grants it: groups, and the blog's own team.

Contributors write, editors publish, admins also create blogs, users and webhooks in /admin/, which
Django opens only to staff. Staff and superusers are operators: they may write everywhere. A group
is a set of Django permissions, so operators can combine them as they like. Groups grant rights in
all blogs; a role in the team of a blog grants rights in that one, in addition.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from django.apps import apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from liveblog.fields import LONGEST_NAME
from liveblog.models import BlogUpdate, LiveBlog, Membership
from liveblog.teams.models import Role

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
        *("view_summaryversion", "delete_summaryversion"),
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
    manage: bool = False  # invite people to the team, change their roles, remove them

    def __or__(self, other: "Rights") -> "Rights":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Rights(*(mine or theirs for mine, theirs in pairs))

    @property
    def any(self) -> bool:
        return self.write or self.change or self.delete or self.run or self.manage

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


RIGHTS = {
    Role.CONTRIBUTOR: Rights(write=True),
    Role.EDITOR: Rights(write=True, publish=True, change=True, delete=True, run=True),
    Role.MANAGER: Rights(*[True] * 6),
}


def rights_of(user: User | AnonymousUser, blog: LiveBlog | None = None) -> Rights:
    """The user's rights in the blog; without one, those that the user has in all blogs."""
    if not user.is_active or not isinstance(user, User):
        return Rights()
    rights = rights_everywhere(user)
    if blog is None or rights.manage:
        return rights
    member = Membership.objects.filter(blog=blog, user=user).first()
    return rights | RIGHTS[Role(member.role)] if member else rights


def rights_everywhere(user: User) -> Rights:
    if user.is_staff:
        rights = RIGHTS[Role.EDITOR]
    else:
        verbs = ("add", "publish", "change", "delete")
        names = [*(f"{verb}_blogupdate" for verb in verbs), "change_liveblog"]
        rights = Rights(*(user.has_perm(f"liveblog.{name}") for name in names))
    # An invitation creates a user: without a team's role, that takes the permission to do so.
    return rights | Rights(manage=rights.run and user.has_perm("auth.add_user"))


def editable_blogs(user: User, blogs: Iterable[LiveBlog]) -> set[int]:
    """The ids of those of the blogs in which the user may write something."""
    if rights_of(user).any:
        return {blog.pk for blog in blogs}
    if not user.is_active:
        return set()
    return set(Membership.objects.filter(user=user).values_list("blog_id", flat=True))


def may_create_blogs(user: User) -> bool:
    return user.has_perm("liveblog.add_liveblog")


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
