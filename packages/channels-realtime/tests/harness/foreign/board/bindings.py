"""Notices bound to sockets: every change goes out, and clients may change them."""

from channels.binding.websockets import WebsocketBinding
from channels.generic.websockets import WebsocketDemultiplexer

from board.models import Notice


class NoticeBinding(WebsocketBinding):
    model = Notice
    stream = "notices"
    fields = ["text"]

    @classmethod
    def group_names(cls, instance):
        return ["notices"]

    def has_permission(self, user, action, pk):
        return True


class Board(WebsocketDemultiplexer):
    consumers = {"notices": NoticeBinding.consumer}
    groups = ["notices"]
