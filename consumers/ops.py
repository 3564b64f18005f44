"""The socket of the page /ops/, which gets samples of all processes; and the probe of workers."""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from channels_realtime.close_codes import NOT_ALLOWED
from django.utils.translation import gettext as _

from consumers.refusals import not_logged_in, our_pages_only, sends_refusals, users_only
from consumers.rehearsal import rehearse
from conversations.json_text import encode, expected, parse
from conversations.refusals import Refusal
from ops.probing import identity
from ops.samples import GROUP, fresh_sample, sample
from proj.health import check_database

ASK = {"ask": "sample"}


@our_pages_only
@channel_session_user_from_http
@sends_refusals
def ws_connect(message: Message) -> None:
    if not message.user.is_authenticated:
        raise not_logged_in(_("Log in as a staff member to see this page."))
    require_staff(message)
    Group(GROUP).add(message.reply_channel)
    message.reply_channel.send({"accept": True, "text": encode(sample())})


@channel_session_user
@users_only
@sends_refusals
def ws_receive(message: Message) -> None:
    """{"ask": "sample"}: a new sample for every page, unless one was sent a moment ago."""
    if parse(message.get("text")) != ASK:
        raise expected(encode(ASK))
    require_staff(message)
    if (news := fresh_sample()) is not None:
        Group(GROUP).send({"text": encode(news)})


@channel_session_user
def ws_disconnect(message: Message) -> None:
    Group(GROUP).discard(message.reply_channel)


def require_staff(message: Message) -> None:
    """Raise Refusal unless the socket's user is staff; it gets no more samples then."""
    if not (message.user.is_active and message.user.is_staff):
        Group(GROUP).discard(message.reply_channel)
        raise Refusal("not_allowed", _("Only staff can see this page."), 403, NOT_ALLOWED)


def probe(message: Message) -> None:
    """The consumer of `ops.probe`: answers with the worker's name, and whether it can work.

    The worker that the probe names does a rehearsal first.
    """
    trouble = " ".join(check_database().problems)
    if not trouble and message.get("rehearse") == identity():
        trouble = rehearse()
    message.reply_channel.send({"worker": identity(), "trouble": trouble})
