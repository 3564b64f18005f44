from channels.routing import include, route, route_class

from board import consumers
from board.bindings import Board

room_routing = [
    route("websocket.connect", consumers.room_connect, path=r"^/(?P<room>\w+)/$"),
    route("websocket.receive", consumers.room_receive, path=r"^/(?P<room>\w+)/$"),
    route("websocket.disconnect", consumers.room_disconnect, path=r"^/(?P<room>\w+)/$"),
]

nothing = []

channel_routing = [
    include(room_routing, path=r"^/room"),
    route("websocket.connect", consumers.numbered_connect, path=r"^/numbered/$"),
    route("websocket.receive", consumers.numbered_receive, path=r"^/numbered/$"),
    route("websocket.connect", consumers.kept_connect, path=r"^/kept/$"),
    route("websocket.receive", consumers.kept_receive, path=r"^/kept/$"),
    route("websocket.connect", consumers.greet, path=r"^/greeting/$"),
    route("websocket.connect", consumers.refuse, path=r"^/refuse/$"),
    route("websocket.connect", consumers.speak_and_close, path=r"^/close/$"),
    route("websocket.connect", consumers.accept, path=r"^/closing/$"),
    route("websocket.receive", consumers.close_by_exception, path=r"^/closing/$"),
    route("websocket.receive", consumers.answer_from_a_process, path=r"^/job/$"),
    route_class(consumers.Echo, path=r"^/echo/$"),
    route_class(consumers.WhoAmI, path=r"^/whoami/$"),
    route_class(consumers.Counter, path=r"^/counter/$"),
    route_class(Board, path=r"^/board/$"),
    route("notice.add", consumers.add_notice),
    route("answer.later", consumers.answer_later),
    route("http.request", consumers.answer_in_parts, path=r"^/parts/$"),
    route("http.request", consumers.wait_for_news, path=r"^/news/$"),
    route("http.request", consumers.publish_news, path=r"^/news/publish/$"),
]
