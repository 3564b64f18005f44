"""asgiref 1.1.2's conformance suite, on real Redis."""

import uuid

from asgiref import conformance

from realtime.layer import RedisChannelLayer
from tests.environment import redis_server


class LayerConformance(conformance.ConformanceTestCase):
    """A layer a test, under a prefix of its own; `config` is what subclasses vary."""

    __test__ = False
    expiry_delay = 1.1
    capacity_limit = 5
    config = {}

    @classmethod
    def layer(cls):
        return RedisChannelLayer(
            **{"hosts": [redis_server.url], "prefix": f"{uuid.uuid4().hex}:"},
            expiry=1,
            group_expiry=2,
            capacity=5,
            **cls.config,
        )

    def setUp(self):
        self.channel_layer = self.layer()

    def tearDown(self):
        self.channel_layer.flush()


class TestPlain(LayerConformance):
    __test__ = True


class TestEncrypted(LayerConformance):
    __test__ = True
    config = {"symmetric_encryption_keys": ["first key", "second key"]}

    def test_redis_sees_no_plaintext(self):
        self.channel_layer.send("secret", {"text": "the eagle has landed"})
        connection = self.channel_layer.connection(0)
        stored = [connection.dump(key) for key in connection.keys(f"{self.channel_layer.prefix}*")]
        assert stored and not any(b"eagle" in value for value in stored)

    def test_a_message_of_the_old_key_is_read_while_keys_rotate(self):
        old = RedisChannelLayer(
            hosts=[redis_server.url],
            prefix=self.channel_layer.prefix,
            symmetric_encryption_keys=["second key"],
        )
        old.send("rotating", {"text": "hello"})
        assert self.channel_layer.receive(["rotating"]) == ("rotating", {"text": "hello"})
