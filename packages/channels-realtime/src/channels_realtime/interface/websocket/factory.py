"""The options of autobahn, whose protocol parses the frames of clients."""

from autobahn.twisted.websocket import WebSocketServerFactory

from channels_realtime.interface.options import Options

CLOSE_ANSWER_WITHIN = 2  # s that a client has to answer a close frame


class WebSocketFactory(WebSocketServerFactory):
    """autobahn's options. It makes no protocols: Connections.admit() does."""

    def __init__(self, options: Options) -> None:
        super().__init__(protocols=list(options.subprotocols), server="Daphne")
        self.setProtocolOptions(
            allowNullOrigin=True,  # consumers decide about Origins
            # None of its own: check_time() watches the handshake and pings.
            openHandshakeTimeout=0,
            maxFramePayloadSize=0,  # no frame is longer than its message
            maxMessagePayloadSize=options.max_message,
            utf8validateIncoming=True,
            echoCloseCodeReason=True,
            failByDrop=False,  # a protocol error is answered with its close code
            closeHandshakeTimeout=CLOSE_ANSWER_WITHIN,
        )
