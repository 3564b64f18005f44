"""How many readers each blog has, at a cost that grows with neither readers nor quiet blogs."""

from collections import defaultdict

from liveblog.models import LiveBlog
from realtime.shard import ShardAway


def count_readers(layer, slugs) -> dict[str, int]:
    """slug -> open sockets, for the blogs that have any. Raises redis.RedisError and OSError.

    Where nobody reads this is one command a shard. Members of a dead interface server are not
    counted 12 s after its last sign of life.
    """
    shards = defaultdict(dict)
    for slug in slugs:
        group = LiveBlog.group_name_of(slug)
        shards[layer.consistent_hash(group)][layer.group_keys(group)[0]] = slug
    read = []
    for shard, slugs in shards.items():
        try:
            read += [slugs[key] for key in existing(layer.shard(shard), slugs)]
        except ShardAway:
            if layer.ring_size == 1:
                raise
            # Its readers cannot be reached; those on the other shards can.
    counts = {slug: layer.group_size(LiveBlog.group_name_of(slug)) for slug in read}
    return {slug: count for slug, count in counts.items() if count}


def existing(connection, keys) -> list[str]:
    """Those of the keys that Redis holds. It halves what it asks about: few of many cost little."""
    found, spans = [], [list(keys)]
    while spans:
        counts = connection.ask([("EXISTS", *span) for span in spans])
        rest = []
        for span, count in zip(spans, counts, strict=True):
            if count == len(span):
                found += span
            elif count:
                middle = len(span) // 2
                rest += [span[:middle], span[middle:]]
        spans = rest
    return found
