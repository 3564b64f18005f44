"""Posts the steps of a coverage into a blog through plain Django."""

from liveblog.demo.steps import Step
from liveblog.models import BlogUpdate, LiveBlog


class Player:
    """Maps the keys of steps to updates. Changes that editors make meanwhile take precedence."""

    def __init__(self, blog: LiveBlog) -> None:
        self.blog = blog
        self.ids: dict[str, int] = {}

    def play(self, step: Step) -> None:
        """Take one step. Raises LiveBlog.DoesNotExist once the blog is gone."""
        if step.action == "create":
            self.ids[step.key] = BlogUpdate.objects.create(blog=self.blog, **step.fields).pk
            return
        update = BlogUpdate.objects.filter(pk=self.ids[step.key], deleted=False).first()
        if update is None:  # deleted by an editor
            return
        if step.action == "delete":
            update.delete()
            return
        for name, value in step.fields.items():
            setattr(update, name, value)
        # Only these: an editor may have changed the others since they were read.
        update.save(update_fields=list(step.fields))
