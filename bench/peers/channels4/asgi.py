"""The ASGI 3 application."""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()

from bench.peers.channels4.consumers import BlogConsumer, EchoConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [
                path("channel/liveblog/<slug:slug>/", BlogConsumer.as_asgi()),
                path("channel/echo/", EchoConsumer.as_asgi()),
            ]
        ),
    }
)
