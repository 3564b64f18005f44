"""Play the bundled coverage of the Apollo 11 landing into a blog."""

import math
import time

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import close_old_connections

from liveblog.demo import DESCRIPTION, TITLE
from liveblog.demo.interrupt import Interrupt
from liveblog.demo.player import Player
from liveblog.demo.progress import Progress
from liveblog.demo.steps import Step, load, pause
from liveblog.models import LiveBlog

SLOWEST = 0.01  # the landing in four months; below that the next step is out of sight
NO_WAITING = ("0", "max")
TICK = 1  # s between two looks of the progress line


class Command(BaseCommand):
    help = (
        "Post the bundled coverage of the Apollo 11 landing (28 hours) into the live blog SLUG, "
        "which is made if it does not exist. Updates that the blog already has stay, and another "
        "run posts a fresh copy. Ctrl-C or SIGTERM ends it; what is posted by then stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument(
            "--speed",
            metavar="N",
            default="1",
            help="how many times faster than it happened, 60 for an hour a minute; "
            "0 or max to post all of it at once (default: %(default)s)",
        )

    def handle(self, *, slug: str, speed: str | float, **options: object) -> None:
        factor = parse_speed(str(speed))
        steps = load()
        try:
            self.play(get_or_make_blog(slug), steps, factor)
        except LiveBlog.DoesNotExist as error:
            raise CommandError(f"The live blog {slug} was deleted, so the replay ends.") from error
        except DatabaseError as error:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            raise CommandError(f"The database cannot take the replay: {reason}.") from error

    def play(self, blog: LiveBlog, steps: list[Step], speed: float) -> None:
        player, progress = Player(blog), Progress(self.stdout, len(steps))
        started, done = time.monotonic(), 0
        with Interrupt() as interrupt:
            while done < len(steps):
                elapsed = time.monotonic() - started
                wait = pause(steps[done], elapsed, speed)
                progress.tick(done, elapsed, wait)
                if interrupt.wait(min(wait, TICK)):
                    progress.close(
                        f"Stopped after {done} of {len(steps)} steps; what is posted stays."
                    )
                    return
                if wait > TICK:
                    continue
                # Hours may have passed; the connection may have gone with them.
                close_old_connections()
                player.play(steps[done])
                done += 1
                elapsed = time.monotonic() - started
                left = pause(steps[done], elapsed, speed) if done < len(steps) else None
                progress.step(done, elapsed, left)
        progress.close(f"Posted all {done} steps into {blog.slug}.")


def parse_speed(text: str) -> float:
    """The speed as a factor, 0 for no waiting. Raises CommandError."""
    if text.strip().lower() in NO_WAITING:
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if speed == 0:
        return 0.0
    if not SLOWEST <= speed < math.inf:  # false for NaN as well
        raise CommandError(
            f"The speed {text!r} is not a number from {SLOWEST} up, 0 or max (both: no waiting)."
        )
    return speed


def get_or_make_blog(slug: str) -> LiveBlog:
    """The blog, made live if there is none. Raises CommandError for an impossible slug."""
    new = LiveBlog(slug=slug, title=TITLE, description=DESCRIPTION, state=LiveBlog.State.LIVE)
    try:
        new.clean_fields()
    except ValidationError as error:
        reason = " ".join(error.messages)
        raise CommandError(f"{slug!r} cannot be the slug of a live blog: {reason}") from error
    blog, _ = LiveBlog.objects.get_or_create(
        slug=slug, defaults={"title": TITLE, "description": DESCRIPTION, "state": new.state}
    )
    return blog
