"""A live blog in other sites' pages: `embed.js`, which a script tag loads, and the framed page.

EMBED_ORIGINS lists the sites that may frame it. The frame needs no cookie and sets none, and has
nothing that writes: browsers block its cookies, and a page around it can misplace a click.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import conditional_page

from conversations.read_only import read_only
from liveblog.models import LiveBlog
from liveblog.reading.pages import stream
from liveblog.reading.views import briefly_public
from liveblog.stream.frames import update_frame


class FramedResponse(HttpResponse):
    without_cookies = True  # proj/languages.py


THEMES = ("light", "dark")
# Updates in a frame, which is as high as they are: 50 would bury the page around it.
FRAMED = 10


@read_only
@conditional_page
# An hour: it hardly changes, and a new title comes with the frame.
@cache_control(public=True, max_age=3600)
def script(request: HttpRequest, slug: str) -> HttpResponse:
    blog = get_object_or_404(LiveBlog, slug=slug)
    response = render(
        request,
        "liveblog/reader/embed.js",
        {"blog": blog},
        content_type="text/javascript; charset=utf-8",
    )
    # Pages that are isolated from other origins (COEP) load only resources with this header.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@read_only
@xframe_options_exempt
@conditional_page
@briefly_public
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest updates without the site around them; `?theme=light` or `dark`."""
    blog = get_object_or_404(LiveBlog, slug=slug)
    theme = request.GET.get("theme")
    context: dict[str, object] = {
        "blog": blog,
        "theme": theme if theme in THEMES else None,
        "site": request.get_host(),
        "whole": blog.get_absolute_url(),
        **stream(blog, size=FRAMED),
    }
    return framed(render_to_string("liveblog/reader/embed.html", context, request))


@read_only
@xframe_options_exempt
@conditional_page
@briefly_public
def post(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One post without the site around it; 404 for drafts and deleted ones."""
    blog = get_object_or_404(LiveBlog, slug=slug)
    row = get_object_or_404(blog.updates.visible(), pk=pk)
    row.blog = blog
    context: dict[str, object] = {
        "blog": blog,
        "update": update_frame(row) | {"row": row},
        "site": request.get_host(),
    }
    return framed(render_to_string("liveblog/reader/embed_post.html", context, request))


def framed(html: str) -> FramedResponse:
    response = FramedResponse(html)
    response["Content-Security-Policy"] = f"frame-ancestors {' '.join(ancestors())}"
    return response


def ancestors() -> list[str]:
    return ["'self'", *settings.EMBED_ORIGINS]
