"""The one map: channel and path -> consumer."""

from channels.routing import route

from consumers import liveblog, nowhere

channel_routing = [
    route("websocket.connect", liveblog.ws_connect, path=r"^/channel/liveblog/(?P<slug>[^/]+)/$"),
    route("websocket.receive", liveblog.ws_receive, path=r"^/channel/liveblog/[^/]+/$"),
    route("websocket.disconnect", liveblog.ws_disconnect, path=r"^/channel/liveblog/[^/]+/$"),
    route("websocket.connect", nowhere.ws_connect),
    route("websocket.receive", nowhere.ws_receive),
    route("websocket.disconnect", nowhere.ws_disconnect),
]
