"""asgiref 1.1.2's conformance suite, on real Redis in each shape that the layer supports."""

import uuid
from contextlib import ExitStack

from asgiref import conformance
from channels_realtime.layer.channel_layer import RedisChannelLayer, RedisSentinelChannelLayer
from harness.environment import redis_server
from harness.redis_servers import RedisSentinel, RedisServer


class LayerConformance(conformance.ConformanceTestCase):
    """A layer a test, under a prefix of its own. Subclasses say where Redis is."""

    __test__ = False
    expiry_delay = 1.1
    capacity_limit = 5
    layer_class = RedisChannelLayer
    config = {}

    def setUp(self):
        name = uuid.uuid4().hex
        # Where a test waits for the expiry it is short; nowhere else may a pause count as one.
        seconds = 1 if "expiry" in self._testMethodName else 60
        self.channel_layer = self.layer_class(
            **{"hosts": [redis_server.url], **self.config},
            prefix=f"{name}:",
            stats_prefix=f"{name}-meta:",
            expiry=seconds,
            group_expiry=seconds,
            capacity=5,
        )

    def tearDown(self):
        self.channel_layer.flush()


class TestPlain(LayerConformance):
    __test__ = True


class TestEncrypted(LayerConformance):
    __test__ = True
    config = {"symmetric_encryption_keys": ["first key", "second key"]}


class TestTwoShards(LayerConformance):
    __test__ = True

    @classmethod
    def setUpClass(cls):
        servers = ExitStack()
        cls.addClassCleanup(servers.close)
        shards = [servers.enter_context(RedisServer()) for _ in range(2)]
        cls.config = {"hosts": [shard.url for shard in shards]}

    def test_capacity(self):
        """Each shard has its own room, as in asgi-redis: all shards together take all of it."""
        for _ in range(2 * self.capacity_limit):
            self.channel_layer.send("cap_test", {"hey": "there"})
        with self.assertRaises(self.channel_layer.ChannelFull):
            self.channel_layer.send("cap_test", {"hey": "there"})

    def test_both_shards_are_used(self):
        for _ in range(2):
            self.channel_layer.send("spread", {"hey": "there"})
        connections = [self.channel_layer.connection(index) for index in range(2)]
        key = f"{self.channel_layer.prefix}spread"
        assert [connection.llen(key) for connection in connections] == [1, 1]


class TestSentinel(LayerConformance):
    __test__ = True
    layer_class = RedisSentinelChannelLayer

    @classmethod
    def setUpClass(cls):
        servers = ExitStack()
        cls.addClassCleanup(servers.close)
        server = servers.enter_context(RedisServer())
        sentinel = servers.enter_context(RedisSentinel(server, "blog"))
        cls.config = {"hosts": [("127.0.0.1", sentinel.port)], "services": ["blog"]}

    def test_an_idle_receive_ends_empty_handed_and_not_in_an_error(self):
        assert self.channel_layer.receive(["silence"], block=True) == (None, None)

    def test_services_are_asked_of_the_sentinel_where_none_are_named(self):
        layer = RedisSentinelChannelLayer(
            hosts=self.config["hosts"], prefix=self.channel_layer.prefix
        )
        layer.send("found", {"hey": "there"})
        assert self.channel_layer.receive(["found"]) == ("found", {"hey": "there"})
