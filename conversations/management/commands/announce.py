"""Send an announcement to a chat room from the shell."""

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.chat.room import announce
from conversations.refusals import Refusal


class Command(BaseCommand):
    help = "Announce TEXT in the chat room ROOM, to everybody who is there now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("room", metavar="ROOM")
        parser.add_argument("text", metavar="TEXT")

    def handle(self, *, room: str, text: str, **options: object) -> None:
        try:
            # A shell passes bytes that are not UTF-8 as lone surrogates.
            text.encode()
            frame = announce(room, text)
        except UnicodeEncodeError as error:
            raise CommandError("Not announced: the text is not UTF-8.") from error
        except Refusal as refusal:
            raise CommandError(f"Not announced: {refusal.sentence}") from refusal
        except redis.RedisError as error:
            raise CommandError(f"Not announced: Redis does not answer ({error}).") from error
        self.stdout.write(f"Announced in {room}: id {frame['id']}")
