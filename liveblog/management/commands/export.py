"""Write a live blog to standard output."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from liveblog.management.commands.post import unknown_slug
from liveblog.models import LiveBlog
from liveblog.reading.export import as_html, as_json


class Command(BaseCommand):
    help = "Print the live blog SLUG as JSON, drafts included, or what readers see of it as HTML."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--html", action="store_true", help="one page instead of JSON")

    def handle(self, *, slug: str, html: bool, **options: object) -> None:
        try:
            blog = LiveBlog.objects.filter(slug=slug).first()
            if blog is None:
                raise CommandError(unknown_slug(slug))
            text = as_html(blog) if html else as_json(blog)
        except DatabaseError as error:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            raise CommandError(f"The database cannot be read: {reason}.") from error
        self.stdout.write(text, ending="")
