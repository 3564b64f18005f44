"""The same project on Channels 4, as its documentation builds one."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


class BlogConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.group = f"liveblog-{self.scope['url_route']['kwargs']['slug']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def broadcast(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


class EchoConsumer(AsyncWebsocketConsumer):
    """The reply goes through the channel layer, as it must when another process works it out."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.send(self.channel_name, {"type": "reply", "text": text_data})

    async def reply(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


urlpatterns = [path("plain/", plain)]
sockets = [
    path("channel/liveblog/<slug:slug>/", BlogConsumer.as_asgi()),
    path("channel/echo/", EchoConsumer.as_asgi()),
]
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter(sockets)})
