"""A live blog in other sites' pages: `embed.js`, which one script tag loads, and what it frames.

Who may frame it is EMBED_ORIGINS. The frame needs no cookie and sets none, and holds nothing that
writes: browsers keep other sites' cookies from it, and a page around it can misplace a click.
"""

from django.conf import settings
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import conditional_page

from conversations.read_only import read_only
from liveblog.models import LiveBlog
from liveblog.reading.pages import stream
from liveblog.reading.views import briefly_public

THEMES = ("light", "dark")


@read_only
@conditional_page
# An hour: it hardly changes, and a title that has changed comes with the frame.
@cache_control(public=True, max_age=3600)
def script(request, slug):
    blog = get_object_or_404(LiveBlog, slug=slug)
    response = render(
        request,
        "liveblog/reader/embed.js",
        {"blog": blog},
        content_type="text/javascript; charset=utf-8",
    )
    # Pages that are isolated from other origins (COEP) load only what says that they may.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@read_only
@xframe_options_exempt
@conditional_page
@briefly_public
def page(request, slug):
    """The newest page of the stream without the site around it; `?theme=light` or `dark`."""
    blog = get_object_or_404(LiveBlog, slug=slug)
    theme = request.GET.get("theme")
    context = {
        "blog": blog,
        "theme": theme if theme in THEMES else None,
        "site": request.get_host(),
        "whole": blog.get_absolute_url(),
    }
    response = render(request, "liveblog/reader/embed.html", context | stream(blog))
    response["Content-Security-Policy"] = f"frame-ancestors {' '.join(ancestors())}"
    response.without_cookies = True  # proj/languages.py
    return response


def ancestors() -> list[str]:
    return ["'self'", *settings.EMBED_ORIGINS]
