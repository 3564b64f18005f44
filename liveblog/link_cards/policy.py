"""Which frames the pages with posts may load (Content Security Policy 3, section 6.1.8).

nginx takes the sources of frames from this header into its own policy, which has 'self' otherwise.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from liveblog.link_cards.providers import FRAME_SOURCES

HEADER = "Content-Security-Policy"
FRAMES = f"frame-src 'self' {' '.join(FRAME_SOURCES)}"


def middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if settings.LINK_CARDS and is_page and request.path.startswith("/liveblog/"):
            policies = [response[HEADER]] if HEADER in response else []
            response[HEADER] = "; ".join([*policies, FRAMES])
        return response

    return respond
