"""Counts each blog's readers. The cost grows with neither readers nor blogs without readers.

An open editor's page has two sockets: one in the blog's group, as a reader has, and one that shows
who else is there (consumers/desk.py). So the sockets of the second kind are subtracted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import redis
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.connection import Connection

from liveblog.models import LiveBlog
from liveblog.stream.broadcast import desk_group


@dataclass(frozen=True)
class Readers:
    """Open sockets per blog.

    `counts`: slug -> open pages without editors' pages, for the blogs that have any of both.
    `crowds`: slug -> the sockets of all blogs on that one of the blog's interface servers that has
    most. `errors`: of shards of Redis.
    """

    counts: dict[str, int]
    crowds: dict[str, int]
    errors: list[Exception]


def count_readers(layer: Transport, slugs: Iterable[str]) -> Readers:
    """Count the readers of these blogs. If a shard is unavailable, the others are still counted.

    Without readers this is one command per shard. Members of a dead interface server are not
    counted 12 s after its last sign of life.
    """
    errors: list[Exception] = []
    sizes = group_sizes(layer, {slug: LiveBlog.group_name_of(slug) for slug in slugs}, errors)
    processes: Counter[str] = Counter()
    for size in sizes.values():
        processes.update(size)
    counts = {slug: sum(size.values()) for slug, size in sizes.items() if any(size.values())}
    desks = group_sizes(layer, {slug: desk_group(slug) for slug in counts}, errors)
    for slug, size in desks.items():
        # Either socket may connect first.
        counts[slug] = max(0, counts[slug] - sum(size.values()))
    del processes[""]  # channels that are no sockets
    crowds = {slug: max(processes[process] for process in sizes[slug]) for slug in counts}
    return Readers(counts, crowds, errors)


def group_sizes(
    layer: Transport, groups: Mapping[str, str], errors: list[Exception]
) -> dict[str, dict[str, int]]:
    """slug -> process -> open sockets, for the groups (slug -> group) that have any.

    A shard that is unavailable is given up at its first error, which is added to `errors`.
    """
    shards: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for slug, group in groups.items():
        shards[layer.consistent_hash(group)][layer.group_key(group)] = slug
    sizes: dict[str, dict[str, int]] = {}
    for shard, slugs in shards.items():
        try:
            read = [slugs[key] for key in existing(layer.shard(shard), slugs)]
            sizes |= {slug: layer.group_sizes(groups[slug]) for slug in read}
        except (redis.RedisError, OSError) as error:
            errors.append(error)
    return sizes


def existing(connection: Connection, keys: Iterable[str]) -> list[str]:
    """The keys that exist in Redis.

    A binary search with EXISTS, which counts: finding a few among many keys takes few commands.
    """
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
