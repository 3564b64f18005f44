"""Writes that may be sent twice: each carries a key, and is done once.

Who gets no answer does not know whether the write was done. It sends it again with the same key:
the recorded acknowledgement comes back and nothing is changed. Keys are the blog's, and are kept
for KEPT.

Who changes an update names the `version` that it saw (BlogUpdate.version). Where the row has
another by now, Conflict is raised and nothing is overwritten.

`by` is the writer's name, for the history.

All functions write in one transaction, under the blog's lock. They raise LiveBlog.DoesNotExist and
BlogUpdate.DoesNotExist for what is not there, and Django's database errors.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog, Write
from liveblog.stream.frames import action_of
from liveblog.stream.pruning import delete_in_batches

KEPT = timedelta(hours=24)  # a laptop that is opened again the next morning
# What a change may set; the rest are the model's own.
FIELDS = {"headline", "body", "author", "key_event", "pinned", "draft", "publish_at", "review"}


@dataclass(frozen=True)
class Acknowledgement:
    """What became of a write.

    `action`: created, changed, deleted; drafted or scheduled where readers do not see it yet;
    unchanged where there was nothing to do. `version`: the row's after the write.
    """

    id: int
    version: int
    key: str
    action: str

    @property
    def revision(self) -> int | None:
        """The update's revision; None as long as it is a draft."""
        return self.version if self.version > 0 else None

    def frame(self) -> dict:
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

    def __init__(self, current: BlogUpdate):
        super().__init__(current)
        self.current = current

    def __str__(self):
        verb = "deleted" if self.current.deleted else "changed"
        return f"Update {self.current.pk} was {verb} meanwhile; its version is {self.version}."

    @property
    def version(self) -> int:
        return self.current.version


def new_key() -> str:
    return str(uuid4())


def recorded(blog: LiveBlog, key: str) -> Acknowledgement | None:
    """What the write with this key was answered with, or None where there was none."""
    write = Write.objects.filter(blog=blog, key=key).first()
    return write and Acknowledgement(write.update_id, write.version, write.key, write.action)


@transaction.atomic
def create(blog: LiveBlog, key: str, by: str = "", owner=None, **fields) -> Acknowledgement:
    """Post an update, or keep it as a draft: `draft=True`, or a `publish_at` that is to come.

    `owner`: the user whose draft it is.
    """
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = BlogUpdate(blog=blog, owner=owner, **checked(fields))
    update.saved_by = by
    update.save()
    return record(update, key, action_taken(update))


@transaction.atomic
def change(
    blog: LiveBlog, key: str, pk: int, version: int | None, by: str = "", **fields
) -> Acknowledgement:
    """Set the fields of the update that has this version (None: any). Raises Conflict."""
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = blog.updates.get(pk=pk)
    if update.deleted or version not in (None, update.version):
        raise Conflict(update)
    changed = {n: value for n, value in checked(fields).items() if getattr(update, n) != value}
    if not changed:
        return record(update, key, "unchanged")
    for name, value in changed.items():
        setattr(update, name, value)
    update.saved_by = by
    update.save()
    return record(update, key, action_taken(update))


@transaction.atomic
def delete(
    blog: LiveBlog, key: str, pk: int, version: int | None = None, by: str = ""
) -> Acknowledgement:
    """Delete the update; with a version only that one. What is gone already stays so."""
    blog = locked(blog)
    if done := recorded(blog, key):
        return done
    update = blog.updates.get(pk=pk)
    if update.deleted:
        return record(update, key, "unchanged")
    if version is not None and update.version != version:
        raise Conflict(update)
    update.saved_by = by
    update.delete()
    return record(update, key, "deleted")


def prune() -> int:
    """Delete keys that are older than KEPT, at most some thousands. Returns how many."""
    return delete_in_batches(Write.objects.filter(created__lt=timezone.now() - KEPT))


def locked(blog: LiveBlog) -> LiveBlog:
    """The blog as it is now. Writers queue at its row until the transaction ends."""
    return LiveBlog.objects.select_for_update().get(pk=blog.pk)


def checked(fields: dict) -> dict:
    assert fields.keys() <= FIELDS, f"no field of a write: {fields.keys() - FIELDS}"
    return fields


def action_taken(update: BlogUpdate) -> str:
    if not update.draft:
        return action_of(update)
    return "scheduled" if update.publish_at else "drafted"


def record(update: BlogUpdate, key: str, action: str) -> Acknowledgement:
    Write.objects.create(
        blog=update.blog, key=key, update=update, version=update.version, action=action
    )
    return Acknowledgement(update.pk, update.version, key, action)
