"""Rows about a Redis that is away for long, freezes, forgets a part or has another time."""

import os
import signal
import socket
import socketserver
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import redis
from channels_realtime.layer.channel_layer import RedisChannelLayer
from channels_realtime.metrics.counters import processes
from harness.clients import read_until
from harness.network import free_port
from harness.process import stopped
from harness.redis_servers import RedisSentinel, RedisServer
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until
from websockets.exceptions import InvalidStatus

OUTAGE = 30  # s: longer than any number of attempts that redis-py counts
HEALED = 10  # s after the end of an outage: what the table of failures promises
CUTS = 60  # connections that are cut one after the other
FAILOVER = 15  # s after a promotion
REPAIRED = 5  # s until lost memberships are there again
UNANSWERED = 15  # s that a client may wait because of a Redis that does not answer
STEP = 600  # s by which a clock is set; messages expire after 60 s
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def answers(front):
    """Whether a plain request is answered."""
    with suppress(OSError):
        return front.request("GET", "/ready/").status == 200


def whole(stack, *options):
    """An interface server and a worker of a stack whose layer has another Redis than its book."""
    front = stack.start_interface("-v", "0", *options)
    stack.worker()
    wait_until(lambda: answers(front), "the first page")
    return front


# Row 30


def test_row_30_everything_works_10_s_after_an_outage_of_30_s():
    with Stack() as stack:
        front = stack.interface()
        stack.worker()
        with front.websocket("/group/all/") as reader:
            assert reader.ask("before") == "before"
            # The worker has finished that message, or it would repeat its reply in the new Redis.
            stack.layer.send("numbers", {"number": 1})
            stack.wait_for_lines("numbers", 1)
            stack.redis_server.stop(signal.SIGKILL)
            time.sleep(OUTAGE)
            stack.redis_server.start()
            wait_until(lambda: answers(front), "a page after the outage", HEALED)
            wait_until(lambda: stack.layer.group_size("all") == 1, "its member", HEALED)
            stack.layer.send_group("all", {"text": "after"})
            assert reader.recv() == "after"
            assert reader.ask("answered") == "answered"


def test_row_30_a_process_may_lose_any_number_of_connections():
    with Stack() as stack:
        front = stack.interface()
        stack.worker()
        for _ in range(CUTS):
            stack.redis.client_kill_filter(_type="normal", skipme=True)
            wait_until(lambda: stack.redis.info("clients")["connected_clients"] >= 4, "all again")
        wait_until(lambda: answers(front), "a page after the cuts", HEALED)


class Impostor(socketserver.ThreadingTCPServer):
    """Another program that has taken Redis's port: it answers whatever it is asked."""

    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                while self.request.recv(65536):
                    self.request.sendall(b"+PONG\r\n" * 50)
                    self.server.asked.set()

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), self.Handler)
        self.asked = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_row_30_another_program_at_redis_port_stops_nobody_from_coming_back():
    with Stack() as stack:
        front = stack.interface()
        worker = stack.worker()
        stack.redis_server.stop(signal.SIGKILL)
        with Impostor(stack.redis_server.port) as impostor:
            assert impostor.asked.wait(PATIENCE)
            worker.wait_for_output("does not answer as Redis does")
        stack.redis_server.start()
        wait_until(lambda: answers(front), "a page from the real one", HEALED)


# Row 31


@contextmanager
def sentinel_stack():
    """A stack that finds its Redis through Sentinel, which has a replica to promote."""
    with ExitStack() as exits:
        primary = RedisServer().start()
        exits.callback(primary.stop, signal.SIGKILL)
        replica = RedisServer("--replicaof", "127.0.0.1", str(primary.port)).start()
        exits.callback(replica.stop, signal.SIGKILL)
        sentinel = exits.enter_context(RedisSentinel(primary, "news"))
        admin = exits.enter_context(redis.Redis(port=sentinel.port, decode_responses=True))
        admin.sentinel_set("news", "down-after-milliseconds", "1000")
        wait_until(lambda: admin.sentinel_slaves("news"), "a replica that Sentinel sees")
        stack = exits.enter_context(Stack(url=f"sentinel:{sentinel.port}/news"))

        def promoted():
            return admin.sentinel_get_master_addr_by_name("news")[1] == replica.port

        yield stack, primary, promoted


def test_row_31_everything_works_15_s_after_the_promotion_of_a_replica():
    with sentinel_stack() as (stack, primary, promoted):
        front = whole(stack)
        with front.websocket("/group/all/") as reader, stopped(primary.process.pid):
            wait_until(promoted, "the promotion")
            wait_until(lambda: answers(front), "a page after the promotion", FAILOVER)
            with front.websocket("/group/all/") as other:
                assert other.ask("new") == "new"
            assert reader.ask("still here") == "still here"


def test_row_31_a_frozen_redis_is_left_after_a_few_seconds_and_taken_again():
    with Stack() as stack:
        front = stack.interface()
        worker = stack.worker()
        with front.websocket() as client:
            with stopped(stack.redis_server.process.pid):
                for process in (front, worker):
                    wait_until(lambda p=process: "is away" in p.output(), "the end of patience", 20)
            wait_until(lambda: answers(front), "a page after the freeze", HEALED)
            assert client.ask("still here") == "still here"


def test_row_31_what_a_full_redis_refuses_is_sent_once_there_is_room():
    with RedisServer() as full, Stack(url=full.url) as stack:
        front = whole(stack)
        admin = redis.Redis(port=full.port)
        with front.websocket() as client:
            client.send("hold")
            stack.wait_for_lines("held", 1)
            worker = stack.processes[-1]
            admin.config_set("maxmemory", 1)
            stack.open_gate()
            worker.wait_for_output("Redis cannot be read from")
            admin.config_set("maxmemory", 0)
            assert client.recv() == "released"
            for number in range(20):
                assert client.ask(f"{number}") == f"{number}"


def test_row_31_a_request_whose_reply_redis_did_not_take_is_answered_once_it_is_back():
    """Channels sends the replies of views from within the consumer."""
    with RedisServer() as away, Stack(url=away.url) as stack:
        front = whole(stack)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(front.request, "GET", "/held-view/")
            stack.wait_for_lines("held", 1)
            with stopped(away.process.pid):
                stack.open_gate()
                stack.processes[-1].wait_for_output("Error in consumer")
            assert asked.result(PATIENCE).status in (200, 503)


def test_row_31_clients_that_wait_for_a_frozen_redis_are_told_503_within_15_s():
    with RedisServer() as away, Stack(url=away.url) as stack, ExitStack() as clients:
        front = whole(stack, "--websocket_connect_timeout", "-1")
        reader = clients.enter_context(front.websocket())
        handshake = clients.enter_context(front.raw_handshake("/undecided/"))
        stack.wait_for_lines("undecided", 1)
        at_worker, in_redis = (clients.enter_context(front.raw()) for _ in range(2))
        at_worker.sendall(b"GET /held-view/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stack.wait_for_lines("held", 1)
        in_redis.sendall(b"GET /ready/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        layer = RedisChannelLayer(hosts=[away.url])
        wait_until(lambda: layer.channel_statistics("http.request")["messages_pending"], "it")
        with stopped(away.process.pid):
            frozen = time.monotonic()
            for client in (handshake, at_worker, in_redis):
                answer = read_until(client, b"please try again in a moment.")
                assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer
            assert time.monotonic() - frozen < UNANSWERED
        stack.open_gate()
        assert reader.ask("still here") == "still here"

        def drops():
            return sum(
                process["drops"].get("redis_lost", 0) for process in processes(layer).values()
            )

        wait_until(lambda: drops() >= 3, "the drops in the counters")


def test_row_31_a_client_whose_answer_a_full_redis_does_not_take_is_told_503_within_15_s():
    with RedisServer() as full, Stack(url=full.url) as stack:
        front = whole(stack)
        with front.raw() as client, redis.Redis(port=full.port) as admin:
            client.sendall(b"GET /held-view/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stack.wait_for_lines("held", 1)
            admin.config_set("maxmemory", 1)
            since = time.monotonic()
            stack.open_gate()
            answer = read_until(client, b"please try again in a moment.")
            assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer
            assert time.monotonic() - since < UNANSWERED
            admin.config_set("maxmemory", 0)
            wait_until(lambda: answers(front), "a page once there is room", HEALED)


def test_row_31_clients_whose_answer_one_full_shard_does_not_take_are_told_503_within_15_s():
    with RedisServer() as first, RedisServer() as second, ExitStack() as clients:
        stack = clients.enter_context(Stack(url=f"{first.url},{second.url}"))
        front = whole(stack)
        with front.websocket() as socket:
            name = socket.ask("name")
        layer = RedisChannelLayer(hosts=[first.url, second.url])
        home = (first, second)[layer.home(layer.non_local_name(name))]
        with redis.Redis(port=home.port) as admin:
            admin.config_set("maxmemory", 1)
        front.wait_for_output("refuses the heartbeat")
        asking = [clients.enter_context(front.raw()) for _ in range(4)]
        since = time.monotonic()
        for client in asking:  # every other request reaches a worker through the other shard
            client.sendall(b"GET /ready/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for client in asking:
            answer = read_until(client, b"please try again in a moment.")
            assert answer.startswith(b"HTTP/1.1 503 ")
        assert time.monotonic() - since < UNANSWERED


def test_row_31_a_request_that_is_lost_with_redis_is_told_503_within_15_s():
    with RedisServer() as killed, Stack(url=killed.url) as stack, ExitStack() as clients:
        front = whole(stack)
        at_worker, in_redis = (clients.enter_context(front.raw()) for _ in range(2))
        at_worker.sendall(b"GET /held-view/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stack.wait_for_lines("held", 1)
        in_redis.sendall(b"GET /ready/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        layer = RedisChannelLayer(hosts=[killed.url])
        wait_until(lambda: layer.channel_statistics("http.request")["messages_pending"], "it")
        lost = time.monotonic()
        killed.stop(signal.SIGKILL)
        killed.start()
        answer = read_until(in_redis, b"please try again in a moment.")
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer
        assert time.monotonic() - lost < UNANSWERED
        stack.open_gate()
        wait_until(lambda: answers(front), "a page after the restart")


def test_row_31_what_a_worker_may_have_lost_with_its_connection_is_refused_within_15_s():
    with RedisServer() as server, Stack(url=server.url) as stack:
        front = whole(stack)
        with front.raw() as client, redis.Redis(port=server.port) as admin:
            # It stands for a request that was under way to the worker whose connection ends.
            client.sendall(b"GET /held-view/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stack.wait_for_lines("held", 1)
            before = reading(admin)  # the interface server
            stack.worker()
            since = time.monotonic()
            theirs = wait_until(lambda: reading(admin) - before, "another worker")
            for identity in theirs:
                admin.client_kill_filter(_id=identity)
            answer = read_until(client, b"please try again in a moment.")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert time.monotonic() - since < UNANSWERED
            assert answers(front)
        stack.open_gate()


def reading(admin):
    """The connections that wait for messages."""
    return {client["id"] for client in admin.client_list() if client["cmd"] == "blpop"}


# Row 32


def test_row_32_with_one_of_two_shards_away_pages_and_handshakes_are_answered():
    with RedisServer() as first, Stack(url=f"{first.url},{free_url()}") as stack:
        second = RedisServer(port=int(stack.url.rpartition(":")[2].partition("/")[0])).start()
        front = whole(stack)
        second.stop(signal.SIGKILL)
        # The first message at the dead shard shows that it is away; nothing after that waits.
        wait_until(lambda: answers(front), "a page with half of Redis", HEALED)
        assert [front.request("GET", "/ready/").status for _ in range(12)] == [200] * 12
        for number in range(8):
            with front.websocket() as client:
                assert client.ask(f"{number}") == f"{number}"
        second.start()
        try:
            layer = RedisChannelLayer(hosts=stack.url.split(","))
            names = {layer.consistent_hash(name): name for name in map(str, range(20))}

            def are_back():
                with suppress(InvalidStatus):
                    for name in names.values():
                        with front.websocket(f"/group/{name}/") as client:
                            assert client.ask("back") == "back"
                    return True

            wait_until(are_back, "groups on both shards", HEALED)
        finally:
            second.stop(signal.SIGKILL)


def free_url():
    return f"redis://127.0.0.1:{free_port()}/0"


# Row 33


class FakeClock:
    """A file that sets the wall clock of processes which are started with `environ`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock"
        self.set(0)
        self.environ = {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}")
        draft.rename(self.file)


def test_row_33_a_step_of_the_clock_loses_no_message():
    with Stack() as stack:
        clock = FakeClock(stack.folder)
        stack.environ |= clock.environ
        front = stack.interface()
        stack.worker()
        with front.websocket("/group/all/") as client:
            assert client.ask("before") == "before"
            for step in (STEP, -STEP):
                clock.set(step)
                assert client.ask(f"after {step}") == f"after {step}"
                stack.layer.send_group("all", {"text": "to all"})
                assert client.recv() == "to all"


def test_row_33_a_message_is_not_taken_for_an_old_one_when_redis_clock_was_set(ours):
    """As after a step of Redis's clock: what the layer has read of it is wrong by a step."""
    for block in (False, True):
        for step in (STEP, -STEP):
            clock = ours.layer.ring[0].clock
            clock.set(clock.now() + step)
            clock.read_at -= STEP
            ours.layer.send("letters", {"step": step})
            assert ours.layer.receive(["letters"], block) == ("letters", {"step": step})


def test_row_33_messages_that_expire_are_counted_and_logged():
    with Stack() as stack:
        stack.layer.send("numbers", {"number": 1})
        key = f"{stack.layer.prefix}numbers"
        entry = stack.redis.lpop(key)
        stack.redis.rpush(key, struct.pack(">d", 1.0) + entry[8:])
        worker = stack.worker()
        worker.wait_for_output("1 messages waited longer than 60 s and were dropped, the last one")
        assert "on numbers" in worker.output()


# Row 34


def test_row_34_a_reader_whose_group_redis_has_lost_is_in_it_again_after_5_s(ours):
    prefix = ours.layer.prefix
    with ours.front.websocket("/group/lost/") as reader:
        wait_until(lambda: ours.layer.group_size("lost") == 1, "the member")
        process = reader.ask("name").partition("!")[0] + "!"
        keys = [f"{prefix}:group:lost", f"{prefix}:members:lost:{process}"]
        for lost in (keys[:1], keys[1:], keys, [f"{prefix}:groups:{process}"]):
            assert ours.redis.delete(*lost) == len(lost)
            wait_until(
                lambda: ours.redis.exists(*keys, f"{prefix}:groups:{process}") == 3,
                f"the repair of {lost}",
                2 * REPAIRED,
            )
            ours.layer.send_group("lost", {"text": "found"})
            assert reader.recv() == "found"


def test_row_34_broadcasts_reach_a_reader_5_s_after_its_group_was_evicted(ours):
    with ours.front.websocket("/group/evicted/") as reader:
        wait_until(lambda: ours.layer.group_size("evicted") == 1, "the member")
        ours.redis.delete(*ours.redis.keys(f"{ours.layer.prefix}:*evicted*"))
        wait_until(lambda: ours.layer.group_size("evicted") == 1, "the member", REPAIRED)
        ours.layer.send_group("evicted", {"text": "found"})
        assert reader.recv() == "found"


def test_row_34_a_member_that_is_none_is_removed(ours):
    with ours.front.websocket("/group/ghosts/") as reader:
        wait_until(lambda: ours.layer.group_size("ghosts") == 1, "the member")
        process = reader.ask("name").partition("!")[0] + "!"
        # As after a failover that lost a leave.
        ours.redis.sadd(f"{ours.layer.prefix}:members:ghosts:{process}", "ghost")
        wait_until(lambda: ours.layer.group_size("ghosts") == 1, "the ghost's end", 3 * REPAIRED)
        assert ours.layer.group_channels("ghosts") == [reader.ask("name")]


# Row 45


class LossyProxy:
    """A way to Redis on which a reply can be lost together with its connection."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.losing = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.server.accept()
                server = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
                for ways in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self.pass_on, args=ways, daemon=True).start()

    def pass_on(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if replies and self.losing.is_set():
                    self.losing.clear()
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.server.close()


def test_row_31_a_name_that_moves_to_a_promoted_replica_is_followed():
    """As with a service's switchover: the old master keeps its connections, and is a replica."""
    with (
        Stack(redis_options=["--repl-diskless-sync-delay", "0"]) as stack,
        RedisServer("--replicaof", f"127.0.0.1 {stack.redis_server.port}") as replica,
        closing(LossyProxy(stack.redis_server.port)) as proxy,
    ):
        url = f"redis://127.0.0.1:{proxy.port}/0"
        stack.environ["SMALL_REDIS"] = url
        front, layer = whole(stack), RedisChannelLayer(hosts=[url])
        with front.websocket("/group/all/") as reader:
            assert reader.ask("before") == "before"
            layer.send_group("all", {"text": "first"})
            assert reader.recv() == "first"
            # A link that is up may still have to bring what was written during the first copy.
            stack.redis.set("last", "write")
            assert stack.redis.wait(1, PATIENCE * 1000) == 1
            promoted = replica.client()
            proxy.target = replica.port
            promoted.replicaof("NO", "ONE")
            stack.redis.replicaof("127.0.0.1", replica.port)
            # A process that only sends, as the pulse does, waits for no message.
            layer.send_group("all", {"text": "second"})
            assert reader.recv() == "second"
            wait_until(lambda: answers(front), "a page", FAILOVER)
            assert reader.ask("after") == "after"


def test_row_45_a_write_whose_reply_is_lost_is_done_once(ours):
    with closing(LossyProxy(ours.redis_server.port)) as proxy:
        layer = RedisChannelLayer(hosts=[f"redis://127.0.0.1:{proxy.port}/0"])
        layer.send("mails", {"number": 0})
        layer.group_add("lists", "mails")
        sends = (
            lambda: layer.send("mails", {"number": 1}),
            lambda: layer.send_group("lists", {"number": 2}),
        )
        for send in sends:
            proxy.losing.set()
            send()
            assert not proxy.losing.is_set()
    received = iter(lambda: ours.layer.receive(["mails"])[1], None)
    assert [message["number"] for message in received] == [0, 1, 2]


def test_row_45_a_reply_to_a_client_is_sent_once():
    with Stack() as stack, closing(LossyProxy(stack.redis_server.port)) as proxy:
        front = stack.interface()
        stack.worker(SMALL_REDIS=f"redis://127.0.0.1:{proxy.port}/0")
        with front.websocket() as client:
            assert client.ask("before") == "before"
            for number in range(5):
                client.send("hold")
                stack.wait_for_lines("held", number + 1)
                proxy.losing.set()
                stack.open_gate()
                wait_until(lambda: not proxy.losing.is_set(), "the loss")
                assert client.recv() == "released"
                stack.redis.delete("gate:hold")
            assert client.received_until_asked("mark") == []


assert os.path.exists(FAKETIME), "libfaketime is missing: apt-get install libfaketime"
