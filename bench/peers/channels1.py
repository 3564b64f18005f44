"""A small Channels 1.x project: a plain view, and the two conversations that are measured."""

from django.conf import settings

settings.INSTALLED_APPS  # noqa: B018  the access loads the settings, which bridge Channels

from channels import Group  # noqa: E402
from channels.asgi import get_channel_layer  # noqa: E402
from channels.message import Message  # noqa: E402
from channels.routing import route  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


def blog_connect(message: Message, slug: str) -> None:
    message.reply_channel.send({"accept": True})
    Group(f"liveblog-{slug}").add(message.reply_channel)


def blog_disconnect(message: Message, slug: str) -> None:
    Group(f"liveblog-{slug}").discard(message.reply_channel)


def echo_connect(message: Message) -> None:
    message.reply_channel.send({"accept": True})


def echo_receive(message: Message) -> None:
    message.reply_channel.send({"text": message.content["text"]})


BLOG, ECHO = r"^/channel/liveblog/(?P<slug>\w+)/$", r"^/channel/echo/$"
urlpatterns = [path("plain/", plain)]
channel_routing = [
    route("websocket.connect", blog_connect, path=BLOG),
    route("websocket.disconnect", blog_disconnect, path=BLOG),
    route("websocket.connect", echo_connect, path=ECHO),
    route("websocket.receive", echo_receive, path=ECHO),
]
channel_layer = get_channel_layer()
