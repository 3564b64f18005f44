"""The page on which readers switch alerts on and off, its service worker, and the link to leave."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import conditional_page, require_http_methods

from conversations.json_text import encode
from conversations.read_only import read_only
from conversations.refusals import Refusal
from liveblog.alerts.messages import LEAVE
from liveblog.alerts.subscribing import require_alerts, require_same_origin
from liveblog.alerts.vapid import public_key
from liveblog.models import AlertSubscription, LiveBlog
from liveblog.reading.views import briefly_public

FORBIDDEN = 403


@read_only
@conditional_page
@briefly_public
def page(request: HttpRequest) -> HttpResponse:
    """What this browser is subscribed to; `?blog=<slug>` offers a blog's alerts.

    The page is the same for everybody: its script asks the browser.
    """
    require_alerts()
    slug = request.GET.get("blog")
    blog = get_object_or_404(LiveBlog, slug=slug) if slug else None
    context = {"blog": blog, "key": public_key()}
    return render(request, "liveblog/alerts/alerts.html", context)


@read_only
@conditional_page
@cache_control(no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. Its address decides that it concerns pages below /alerts/ alone.

    Served also while alerts are off: browsers that have it must not keep an old one.
    """
    return render(request, "liveblog/alerts/sw.js", content_type="text/javascript; charset=utf-8")


@read_only
@conditional_page
@briefly_public
def manifest(request: HttpRequest) -> HttpResponse:
    """The web app that iPhones and iPads need for push: it opens `?blog=<slug>`, else the list."""
    slug = request.GET.get("blog")
    blog = get_object_or_404(LiveBlog, slug=slug) if slug else None
    app = {
        "name": blog.title if blog else settings.BRAND.name or _("Live blogs"),
        "start_url": blog.get_absolute_url() if blog else reverse("liveblog:index"),
        "scope": "/",
        "display": "standalone",
        "icons": [{"src": static("liveblog/shared/favicon.svg"), "sizes": "any"}],
    }
    return HttpResponse(encode(app), content_type="application/manifest+json")


@never_cache
@csrf_exempt  # the token decides, and the Origin is checked
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """The link in each alert. A POST ends the subscription; GET shows a button, for link checkers.

    The token ends one subscription, and shows no data but the blog's title.
    """
    row = subscription_of(token)
    context = {"subscription": row, "path": request.path}
    if request.method == "POST" and row is not None:
        try:
            require_same_origin(request)
        except Refusal:
            return render(request, "liveblog/alerts/leave.html", context, status=FORBIDDEN)
        row.delete()
        context["subscription"] = None
    return render(request, "liveblog/alerts/leave.html", context)


def subscription_of(token: str) -> AlertSubscription | None:
    """None for a subscription that has ended, and for a forged token."""
    try:
        pk = int(LEAVE.unsign(token))
    except signing.BadSignature:
        return None
    return AlertSubscription.objects.filter(pk=pk).select_related("blog").first()


def readers_alerted(blog: LiveBlog) -> int:
    """How many browsers a key event of the blog alerts."""
    return blog.subscriptions.count() if settings.ALERTS else 0
