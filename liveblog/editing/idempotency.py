"""Idempotent writes: each has a key, and is done once however often it is sent.

A client that gets no reply can safely send the write again with the same key: it gets the recorded
acknowledgement, and nothing is changed. A key is unique within its blog, and is kept for KEPT.

A change names the `version` of the update that its writer saw (BlogUpdate.version). If the row has
another version by now, Conflict is raised and nothing is overwritten.

`writer`: the name of the person or program that writes, for the history.

Each function writes in one transaction, under the blog's lock, and raises LiveBlog.DoesNotExist,
BlogUpdate.DoesNotExist and Django's database errors.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Unpack
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from liveblog.fields import Content, Values, as_values
from liveblog.models import BlogUpdate, LiveBlog, Write
from liveblog.stream.frames import Frame, action_of
from liveblog.stream.pruning import delete_in_batches

KEPT = timedelta(hours=24)  # a laptop that is opened again the next morning


@dataclass(frozen=True)
class Acknowledgement:
    """The result of a write.

    `action`: created, changed, deleted, restored; drafted or scheduled if readers do not see it
    yet; unchanged if there was nothing to do. `version`: the row's version after the write.
    """

    id: int
    version: int
    key: str
    action: str

    @property
    def revision(self) -> int | None:
        """The update's revision; None as long as it is a draft."""
        return self.version if self.version > 0 else None

    def frame(self) -> Frame:
        return {
            "type": "ack",
            "id": self.id,
            "revision": self.revision,
            "version": self.version,
            "key": self.key,
            "action": self.action,
        }


class Conflict(Exception):
    """The update is not what the writer saw. `current`: the row as it is, perhaps a tombstone."""

    def __init__(self, current: BlogUpdate) -> None:
        super().__init__(current)
        self.current = current

    def __str__(self) -> str:
        verb = "deleted" if self.current.deleted else "changed"
        return f"Update {self.current.pk} was {verb} meanwhile; its version is {self.version}."

    @property
    def version(self) -> int:
        return self.current.version


def new_key() -> str:
    return str(uuid4())


def recorded(blog: LiveBlog, key: str) -> Acknowledgement | None:
    """The acknowledgement of the write with this key, or None if there was none."""
    write = Write.objects.filter(blog=blog, key=key).first()
    if write is None:
        return None
    return Acknowledgement(write.update_id, write.version, write.key, write.action)


@transaction.atomic
def create(
    blog: LiveBlog,
    key: str,
    writer: str = "",
    owner: User | None = None,
    **fields: Unpack[Values],
) -> Acknowledgement:
    """Post an update, or keep it as a draft: `draft=True`, or a `publish_at` in the future.

    `owner`: the user whose draft it is.
    """
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = BlogUpdate(blog=blog, owner=owner, **as_values(fields))
    update.save(writer=writer)
    return record(update, key, action_taken(update))


@transaction.atomic
def change(
    blog: LiveBlog,
    key: str,
    pk: int,
    version: int | None,
    writer: str = "",
    **fields: Unpack[Values],
) -> Acknowledgement:
    """Set the fields of the update that has this version (None: any). Raises Conflict."""
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = blog.updates.get(pk=pk)
    if update.deleted or not update.accepts(version):
        raise Conflict(update)
    values = as_values(fields)
    changed = {name: v for name, v in values.items() if getattr(update, name) != v}
    if not changed:
        return record(update, key, "unchanged")
    for name, value in changed.items():
        setattr(update, name, value)
    update.save(writer=writer)
    return record(update, key, action_taken(update))


@transaction.atomic
def delete(
    blog: LiveBlog, key: str, pk: int, version: int | None = None, writer: str = ""
) -> Acknowledgement:
    """Delete the update; with a version, only if it has that one. Repeating it does nothing."""
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = blog.updates.get(pk=pk)
    if update.deleted:
        return record(update, key, "unchanged")
    if not update.accepts(version):
        raise Conflict(update)
    update.delete(writer=writer)
    return record(update, key, "deleted")


@transaction.atomic
def restore(
    blog: LiveBlog,
    key: str,
    pk: int,
    version: int | None = None,
    writer: str = "",
    flags: Content | None = None,
) -> Acknowledgement:
    """Undo a deletion: readers see the update again, at its old place and with a new revision.

    A draft becomes a draft again. It stays scheduled only if its time is still to come.
    """
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = blog.updates.get(pk=pk)
    if not update.deleted:
        return record(update, key, "unchanged")
    if not update.accepts(version):
        raise Conflict(update)
    update.deleted = False
    for name, value in (flags or {}).items():
        setattr(update, name, value)
    if update.publish_at and update.publish_at <= timezone.now():
        update.publish_at = None
    update.save(writer=writer)
    return record(update, key, "restored")


def prune() -> int:
    """Delete keys that are older than KEPT, at most some thousands. Returns how many."""
    return delete_in_batches(Write.objects.filter(created__lt=timezone.now() - KEPT))


def locked(blog: LiveBlog) -> LiveBlog:
    """The blog, read again. Other writers wait for its row until the transaction ends."""
    return LiveBlog.objects.select_for_update().get(pk=blog.pk)


def action_taken(update: BlogUpdate) -> str:
    if not update.draft:
        return action_of(update)
    return "scheduled" if update.publish_at else "drafted"


def record(update: BlogUpdate, key: str, action: str) -> Acknowledgement:
    Write.objects.create(
        blog=update.blog, key=key, update=update, version=update.version, action=action
    )
    return Acknowledgement(update.pk, update.version, key, action)
