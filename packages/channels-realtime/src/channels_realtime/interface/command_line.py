"""The command line of the interface server: Daphne's arguments and more."""

import importlib
import logging
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from channels_realtime import compat, tracing

compat.install()

from daphne.access import AccessLogGenerator  # noqa: E402
from daphne.cli import DEFAULT_HOST, DEFAULT_PORT, CommandLineInterface  # noqa: E402
from daphne.server import build_endpoint_description_strings  # noqa: E402

from channels_realtime.interface.options import BACKLOG  # noqa: E402
from channels_realtime.memory_budget import DEFAULT, Budget, parse_size  # noqa: E402

if TYPE_CHECKING:
    from channels_realtime.interface.connections import ActionLogger
    from channels_realtime.interface.options import Options


logger = logging.getLogger("channels_realtime.interface")

# s, instead of Daphne's 20, by which silent sockets cost a quarter more. Proxies end a connection
# that was silent for 60 s, and networks that translate addresses forget some after 30 s.
PING_INTERVAL = 25
Number = TypeVar("Number", int, float)


def at_least(least: int, parse: Callable[[str], Number]) -> Callable[[str], Number]:
    """The type of an argument that is a number from `least` up."""

    def number(text: str) -> Number:
        value = parse(text)
        if not value >= least:  # NaN neither
            raise ArgumentTypeError(f"{text} is less than {least}")
        return value

    number.__name__ = parse.__name__  # argparse names it where the text is no number at all
    return number


def size(text: str) -> int:
    """The type of an argument that is a number of bytes such as 512M."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def switch(text: str) -> bool:
    """The type of an argument that is 0 or 1."""
    if text not in ("0", "1"):
        raise ArgumentTypeError(f"{text} is not 0 or 1")
    return text == "1"


whole, positive, amount = at_least(0, int), at_least(1, int), at_least(0, float)


def path(text: str) -> str:
    """The type of an argument that is empty or an absolute path."""
    if text and not text.startswith("/"):
        raise ArgumentTypeError(f"{text} does not begin with a slash")
    return text


class Option(NamedTuple):
    """An option beside Daphne's, as ArgumentParser.add_argument() takes it."""

    name: str
    default: Any  # of the type that `parse` returns, or None
    parse: Callable[[str], object]
    help: str


OPTIONS = (
    Option("--websocket_handshake_timeout", None, int, "the same as --websocket_connect_timeout"),
    Option("--drain", 5.0, amount, "seconds over which sockets are sent away on SIGTERM"),
    Option(
        "--max-message",
        1 << 20,
        positive,
        "longest WebSocket frame and message, bytes (close 1009)",
    ),
    Option(
        "--write-buffer", 1 << 20, positive, "most bytes that wait for a slow client (close 1013)"
    ),
    Option(
        "--message-rate", 50.0, amount, "messages a second from one socket (close 4429); 0: any"
    ),
    Option("--compression", True, switch, "permessage-deflate for broadcasts: 0 or 1"),
    Option("--max-upload", 10 << 20, whole, "longest request body in bytes (status 413)"),
    Option("--health-path", "", path, "where this process answers itself whether it can work"),
    Option(
        "--ready-path", "", path, "a view's address that waits behind no other request (http.ready)"
    ),
    Option(
        "--max-anonymous-upload",
        None,
        whole,
        "the same for requests without session cookie and Authorization header; as --max-upload"
        " unless given",
    ),
    Option(
        "--session-cookie", "sessionid", str, "name of the cookie that --max-anonymous-upload needs"
    ),
    Option(
        "--memory-budget",
        DEFAULT,
        size,
        "bytes, such as 512M, that all connections and buffers may take (status 503, close 1013)",
    ),
    Option(
        "--takeover",
        "",
        path,
        "unix socket on which another process with this option takes over all connections; where a"
        " server listens there already, this one takes over from it",
    ),
    Option(
        "--trusted-hops", 1, whole, "proxies that append to X-Forwarded-For, with --proxy-headers"
    ),
)


class Interface(CommandLineInterface):
    """Daphne's command line."""

    description = "Interface server: HTTP and WebSockets to and from a Redis channel layer"

    parser: ArgumentParser

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(ping_interval=PING_INTERVAL)
        for option in OPTIONS:
            self.parser.add_argument(
                option.name, type=option.parse, default=option.default, help=option.help
            )

    def run(self, arguments: Sequence[str]) -> int:
        """Serve. Returns the exit code; 3: it cannot start, and need not be tried again."""
        parsed = self.parser.parse_args(arguments)
        levels = {0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
        logging.basicConfig(
            level=levels[min(max(parsed.verbosity, 0), 2)],
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        self.check_budget(parsed)
        for sentence in self.without_effect(parsed):
            logger.warning("%s", sentence)
        try:
            layer = load(parsed.channel_layer)
        except LookupError:
            self.parser.error(
                f"argument channel_layer: {parsed.channel_layer!r} names no channel layer,"
                " as path.to.module:object would"
            )
        from channels_realtime.interface.server import Server
        from channels_realtime.internals import return_freed_memory
        from channels_realtime.layer.requirement import require_transport
        from channels_realtime.layer.suitability import require_suitable

        transport = require_transport(layer, "This interface server", "start `daphne`")
        require_suitable(transport.ring, transport.prefix)
        return_freed_memory()
        server = Server(transport, read_options(parsed), access_log(parsed))
        metrics = server.connections.metrics
        tracing.start(metrics.process, metrics.count)
        return server.run()

    def without_effect(self, parsed: Namespace) -> Iterator[str]:
        """What is given on the command line and does nothing, one sentence each."""
        if parsed.force_sync:
            yield "--force-sync has no effect: there is one way to read from Redis."
        default = self.parser.get_default
        if parsed.trusted_hops != default("trusted_hops") and not parsed.proxy_headers:
            yield "--trusted-hops has no effect without --proxy-headers."
        is_other_cookie = parsed.session_cookie != default("session_cookie")
        if is_other_cookie and parsed.max_anonymous_upload is None:
            yield "--session-cookie has no effect without --max-anonymous-upload."

    def check_budget(self, parsed: Namespace) -> None:
        """End where the memory budget is too small for what the other options allow."""
        limits = ("max_upload", "max_message", "write_buffer")
        largest = max(limits, key=lambda name: getattr(parsed, name))
        needed = Budget.of(parsed.memory_budget).smallest_for(getattr(parsed, largest))
        if needed is not None:
            self.parser.error(
                f"argument --memory-budget: {parsed.memory_budget} bytes are too few for"
                f" --{largest.replace('_', '-')} {getattr(parsed, largest)}: {needed} are needed"
            )


def read_options(parsed: Namespace) -> "Options":
    """The parsed command line as one value, with the defaults that depend on other options."""
    from channels_realtime.interface.options import Options
    from channels_realtime.interface.proxy import TrustedProxies

    handshake_timeout = parsed.websocket_handshake_timeout
    connect_timeout = parsed.websocket_connect_timeout
    anonymous_upload = parsed.max_anonymous_upload
    return Options(
        endpoints=endpoints(parsed),
        takeover=parsed.takeover,
        memory_budget=parsed.memory_budget,
        drain=parsed.drain,
        http_timeout=parsed.http_timeout,
        # By default a reader may stay as long as it likes.
        websocket_timeout=-1 if parsed.websocket_timeout is None else parsed.websocket_timeout,
        websocket_connect_timeout=(
            connect_timeout if handshake_timeout is None else handshake_timeout
        ),
        ping_interval=parsed.ping_interval,
        ping_timeout=parsed.ping_timeout,
        max_message=parsed.max_message,
        write_buffer=parsed.write_buffer,
        message_rate=parsed.message_rate,
        compression=parsed.compression,
        max_upload=parsed.max_upload,
        max_anonymous_upload=parsed.max_upload if anonymous_upload is None else anonymous_upload,
        session_cookie=parsed.session_cookie.encode(),
        health_path=parsed.health_path.encode(),
        ready_path=parsed.ready_path.encode(),
        root_path=parsed.root_path,
        subprotocols=tuple(parsed.ws_protocols or ()),
        proxies=TrustedProxies(parsed.trusted_hops if parsed.proxy_headers else 0),
    )


def load(name: str) -> Any:
    """The channel layer that `path.to.module:object` names. Raises LookupError."""
    sys.path.insert(0, ".")
    module, _, attributes = name.partition(":")
    try:
        layer: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # What the module itself imports in vain is another fault, and shows its traceback.
        if f"{module}.".startswith(f"{error.name}."):
            raise LookupError(name) from error
        raise
    for attribute in attributes.split("."):
        if not hasattr(layer, attribute):
            raise LookupError(name)
        layer = getattr(layer, attribute)
    return layer


def endpoints(parsed: Namespace) -> tuple[str, ...]:
    """Twisted's descriptions of where to listen."""
    host, port, fd = parsed.host, parsed.port, parsed.file_descriptor
    if host or port or not (parsed.unix_socket or parsed.socket_strings or fd is not None):
        host, port = host or DEFAULT_HOST, port or DEFAULT_PORT
    tcp = build_endpoint_description_strings(host=host, port=port)
    others = build_endpoint_description_strings(unix_socket=parsed.unix_socket, file_descriptor=fd)
    own = sorted([f"{description}:backlog={BACKLOG}" for description in tcp] + others)
    return (*own, *sorted(parsed.socket_strings))


def access_log(parsed: Namespace) -> "ActionLogger | None":
    if not parsed.access_log and parsed.verbosity < 1:
        return None
    to_stdout = parsed.access_log in (None, "-")
    # The file stays open as long as the process runs.
    stream = sys.stdout if to_stdout else open(parsed.access_log, "a", 1)  # noqa: SIM115
    logger: ActionLogger = AccessLogGenerator(stream)
    return logger


def main() -> None:
    try:
        sys.exit(Interface().run(sys.argv[1:]))
    except Exception as error:
        # Configuration errors bring their sentence and an exit code; anything else is our bug.
        if not hasattr(error, "exit_code"):
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
