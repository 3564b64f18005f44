"""Channel and path -> consumer."""

from channels.routing import route

from bench.peers.stock import consumers

channel_routing = [
    route("websocket.connect", consumers.blog_connect, path=r"^/channel/liveblog/(?P<slug>\w+)/$"),
    route(
        "websocket.disconnect",
        consumers.blog_disconnect,
        path=r"^/channel/liveblog/(?P<slug>\w+)/$",
    ),
    route("websocket.connect", consumers.echo_connect, path=r"^/channel/echo/$"),
    route("websocket.receive", consumers.echo_receive, path=r"^/channel/echo/$"),
]
