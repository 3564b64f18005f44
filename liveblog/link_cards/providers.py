"""The sites whose players and posts a card can show in a frame: addresses, frames, oEmbed.

The address of a frame is made here from the address that was written, never taken from what
another site sends. FRAME_SOURCES are all hosts that a frame may have; the pages' policy admits
exactly these. A Mastodon post can be on any host, so its card has no frame.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

# video: 16 to 9; tall: 9 to 16; post: of a fixed height, and scrolls in its frame.
Shape = Literal["video", "tall", "post"]

ID = r"([\w-]+)"


@dataclass(frozen=True)
class Provider:
    """`address`: of its videos or posts; the groups fill `frame`. `oembed`: where it answers
    without a key (oEmbed 1.0, section 2.2), without the query; "": it does not.

    `start`: the frame's parameter for the second to start at, which the address may have as `t`.
    `names_site`: the frame is refused unless its request names the site that contains it.
    """

    name: str
    shape: Shape
    address: re.Pattern[str]
    frame: str
    oembed: str = ""
    names_site: bool = False
    start: str = ""

    def oembed_address(self, address: str) -> str:
        mark = "&" if "?" in self.oembed else "?"
        return f"{self.oembed}{mark}format=json&url={quote(address, safe='')}"


START = re.compile(r"[?&#](?:t|start)=(\d{1,6})s?(?=[&#]|\Z)")


def post_address(rest: str) -> re.Pattern[str]:
    return re.compile(rf"https?://{rest}(?:[/?#].*)?\Z", re.DOTALL)


YOUTUBE = "https://www.youtube.com/oembed"
YOUTUBE_FRAME = "https://www.youtube-nocookie.com/embed/{0}?autoplay=1&rel=0"
VIMEO = "https://vimeo.com/api/oembed.json?dnt=1"
VIMEO_FRAME = "https://player.vimeo.com/video/{0}?dnt=1&autoplay=1"

PROVIDERS = (
    Provider(
        "YouTube",
        "tall",
        post_address(rf"(?:www\.|m\.)?youtube\.com/shorts/{ID}"),
        YOUTUBE_FRAME,
        YOUTUBE,
        names_site=True,
        start="start",
    ),
    Provider(
        "YouTube",
        "video",
        re.compile(
            r"https?://(?:(?:www\.|m\.|music\.)?youtube\.com/(?:watch\?(?:[^#]*&)?v=|live/|embed/)"
            rf"|youtu\.be/){ID}(?:[/?&#].*)?\Z",
            re.DOTALL,
        ),
        YOUTUBE_FRAME,
        YOUTUBE,
        names_site=True,
        start="start",
    ),
    # An unlisted video has a second part.
    Provider(
        "Vimeo",
        "video",
        re.compile(r"https?://(?:www\.)?vimeo\.com/(\d+)/(\w+)/?(?:[?#].*)?\Z", re.DOTALL),
        f"{VIMEO_FRAME}&h={{1}}",
        VIMEO,
        names_site=True,
    ),
    Provider(
        "Vimeo",
        "video",
        re.compile(
            r"https?://(?:(?:www\.)?vimeo\.com|player\.vimeo\.com/video)/(\d+)/?(?:[?#].*)?\Z",
            re.DOTALL,
        ),
        VIMEO_FRAME,
        VIMEO,
        names_site=True,
    ),
    Provider(
        "TikTok",
        "tall",
        post_address(r"(?:www\.|m\.)?tiktok\.com/@[\w.-]+/video/(\d+)"),
        "https://www.tiktok.com/player/v1/{0}?autoplay=1",
        "https://www.tiktok.com/oembed",
    ),
    Provider(
        "X",
        "post",
        post_address(r"(?:www\.|mobile\.)?(?:x|twitter)\.com/\w+/status/(\d+)"),
        "https://platform.twitter.com/embed/Tweet.html?id={0}&dnt=true",
        "https://publish.twitter.com/oembed?omit_script=1&dnt=true",
    ),
    Provider(
        "Bluesky",
        "post",
        post_address(rf"bsky\.app/profile/([\w.:-]+)/post/{ID}"),
        "https://embed.bsky.app/embed/{0}/app.bsky.feed.post/{1}",
        "https://embed.bsky.app/oembed",
    ),
    # Its oEmbed needs a key; often its pages do not answer servers either.
    Provider(
        "Instagram",
        "post",
        post_address(rf"(?:www\.)?instagram\.com/(?:[\w.]+/)?(p|reel|tv)/{ID}"),
        "https://www.instagram.com/{0}/{1}/embed/",
    ),
)


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


FRAME_SOURCES = tuple(dict.fromkeys(origin_of(provider.frame) for provider in PROVIDERS))


class Frame(NamedTuple):
    """What a card can show in a frame, and its address."""

    provider: Provider
    address: str


def frame_of(address: str) -> Frame | None:
    """The frame for the address of a video or post; None for any other address."""
    for provider in PROVIDERS:
        if found := provider.address.match(address):
            frame = provider.frame.format(*found.groups())
            if provider.start and (start := START.search(address)):
                frame += f"&{provider.start}={start[1]}"
            return Frame(provider, frame)
    return None
