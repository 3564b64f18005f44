"""The command line of the interface server: Daphne's arguments and more."""

import importlib
import logging
import sys
from argparse import ArgumentTypeError, Namespace

from channels_realtime import compat

compat.install()

from daphne.access import AccessLogGenerator  # noqa: E402
from daphne.cli import DEFAULT_HOST, DEFAULT_PORT, CommandLineInterface  # noqa: E402
from daphne.server import build_endpoint_description_strings  # noqa: E402

from channels_realtime.memory_budget import DEFAULT, Budget, parse_size  # noqa: E402

BACKLOG = 4096  # connections that wait to be accepted; Twisted's 50 drops them in a burst


def at_least(least, parse):
    """The type of an argument that is a number from `least` up."""

    def number(text):
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


whole, positive, amount = at_least(0, int), at_least(1, int), at_least(0, float)


def path(text: str) -> str:
    if text and not text.startswith("/"):
        raise ArgumentTypeError(f"{text} does not begin with a slash")
    return text


OPTIONS = (
    # name, default, type, help
    ("--websocket_handshake_timeout", None, int, "the same as --websocket_connect_timeout"),
    ("--drain", 5.0, amount, "seconds over which sockets are sent away on SIGTERM"),
    ("--max-message", 1 << 20, positive, "longest WebSocket frame and message, bytes (close 1009)"),
    ("--write-buffer", 1 << 20, positive, "most bytes that wait for a slow client (close 1013)"),
    ("--message-rate", 50.0, amount, "messages a second from one socket (close 4429); 0: any"),
    ("--max-upload", 10 << 20, whole, "longest request body in bytes (status 413)"),
    ("--health-path", "", path, "where this process answers itself whether it can work"),
    ("--ready-path", "", path, "a view's address that waits behind no other request (http.ready)"),
    (
        "--max-anonymous-upload",
        None,
        whole,
        "the same for requests without session cookie and Authorization header; as --max-upload"
        " unless given",
    ),
    ("--session-cookie", "sessionid", str, "name of the cookie that --max-anonymous-upload needs"),
    (
        "--memory-budget",
        DEFAULT,
        size,
        "bytes, such as 512M, that all connections and buffers may take (status 503, close 1013)",
    ),
    ("--trusted-hops", 1, whole, "proxies that append to X-Forwarded-For, with --proxy-headers"),
)


class Interface(CommandLineInterface):
    """Daphne's command line."""

    description = "Interface server: HTTP and WebSockets to and from a Redis channel layer"

    def __init__(self):
        super().__init__()
        for name, default, parse, text in OPTIONS:
            self.parser.add_argument(name, type=parse, default=default, help=text)

    def run(self, args):
        """Serve. Returns the exit code; 3: it cannot start, and need not be tried again."""
        options = self.parser.parse_args(args)
        levels = {0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
        logging.basicConfig(
            level=levels[min(max(options.verbosity, 0), 2)],
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        if options.websocket_handshake_timeout is not None:
            options.websocket_connect_timeout = options.websocket_handshake_timeout
        if options.websocket_timeout is None:
            options.websocket_timeout = -1  # a reader may stay as long as it likes
        if not options.proxy_headers:
            options.trusted_hops = 0
        self.check_budget(options)
        try:
            layer = load(options.channel_layer)
        except LookupError:
            self.parser.error(
                f"argument channel_layer: {options.channel_layer!r} names no channel layer,"
                " as path.to.module:object would"
            )
        from channels_realtime.interface.server import Server
        from channels_realtime.internals import return_freed_memory

        return_freed_memory()
        self.server = Server(layer, endpoints(options), options, access_log(options))
        return self.server.run()

    def check_budget(self, options: Namespace) -> None:
        """End where the memory budget is too small for what the other options allow."""
        limits = ("max_upload", "max_message", "write_buffer")
        largest = max(limits, key=lambda name: getattr(options, name))
        needed = Budget.of(options.memory_budget).smallest_for(getattr(options, largest))
        if needed is not None:
            self.parser.error(
                f"argument --memory-budget: {options.memory_budget} bytes are too few for"
                f" --{largest.replace('_', '-')} {getattr(options, largest)}: {needed} are needed"
            )


def load(name):
    """The channel layer that `path.to.module:object` names. Raises LookupError."""
    sys.path.insert(0, ".")
    module, _, attributes = name.partition(":")
    try:
        layer = importlib.import_module(module)
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


def endpoints(options):
    """Twisted's descriptions of where to listen."""
    host, port, fd = options.host, options.port, options.file_descriptor
    if host or port or not (options.unix_socket or options.socket_strings or fd is not None):
        host, port = host or DEFAULT_HOST, port or DEFAULT_PORT
    tcp = build_endpoint_description_strings(host=host, port=port)
    others = build_endpoint_description_strings(unix_socket=options.unix_socket, file_descriptor=fd)
    return sorted([f"{description}:backlog={BACKLOG}" for description in tcp] + others) + sorted(
        options.socket_strings
    )


def access_log(options):
    if options.access_log:
        to_stdout = options.access_log == "-"
        return AccessLogGenerator(sys.stdout if to_stdout else open(options.access_log, "a", 1))
    return AccessLogGenerator(sys.stdout) if options.verbosity >= 1 else None


def main():
    try:
        sys.exit(Interface().run(sys.argv[1:]))
    except Exception as error:
        # Configuration errors bring their sentence and an exit code; anything else is our bug.
        if not hasattr(error, "exit_code"):
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
