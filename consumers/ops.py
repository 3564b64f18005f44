"""The staff page's socket: samples of what the processes do. And: which worker is this?"""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels_realtime.close_codes import NOT_ALLOWED, NOT_LOGGED_IN
from django.utils.translation import gettext as _

from consumers.refusals import our_pages_only, refuse, reply, users_only
from conversations.json_text import BadMessage, encode, error_frame, expected, parse
from ops.probing import identity
from ops.samples import GROUP, fresh_sample, sample
from proj.health import check_database

ASK = {"ask": "sample"}


@our_pages_only
@channel_session_user_from_http
def ws_connect(message):
    if not message.user.is_authenticated:
        sentence = _("Log in as a staff member to see this page.")
        refuse(message, NOT_LOGGED_IN, error_frame("not_logged_in", sentence))
        return
    if not (message.user.is_active and message.user.is_staff):
        refuse(message, NOT_ALLOWED, error_frame("not_allowed", _("Only staff can see this page.")))
        return
    Group(GROUP).add(message.reply_channel)
    message.reply_channel.send({"accept": True, "text": encode(sample())})


@channel_session_user
@users_only
def ws_receive(message):
    """{"ask": "sample"}: a new sample for everybody who looks, unless there has just been one."""
    try:
        if parse(message.get("text")) != ASK:
            raise expected(encode(ASK))
    except BadMessage as bad:
        reply(message, bad.frame)
        return
    if not (message.user.is_active and message.user.is_staff):
        Group(GROUP).discard(message.reply_channel)
        refuse(message, NOT_ALLOWED, error_frame("not_allowed", _("Only staff can see this page.")))
        return
    if (news := fresh_sample()) is not None:
        Group(GROUP).send({"text": encode(news)})


@channel_session_user
def ws_disconnect(message):
    Group(GROUP).discard(message.reply_channel)


def probe(message):
    """The consumer of `ops.probe`: says which worker this is, and whether it can work."""
    trouble = " ".join(check_database().problems)
    message.reply_channel.send({"worker": identity(), "trouble": trouble})
