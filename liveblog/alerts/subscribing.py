"""What browsers change: they subscribe, move to another address, and leave. Plain JSON by POST.

A browser is identified by its endpoint, which only itself, its push service and this site have.
There is no login and no cookie, so nothing acts with the rights of somebody else; a request of
another site's page is refused all the same.
"""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from conversations.addresses import address_of
from conversations.json_text import expected, not_json, parse, too_long
from conversations.rate_limits import Limit
from conversations.refusals import Refusal
from liveblog.alerts.endpoints import checked_endpoint, checked_keys
from liveblog.alerts.models import digest_of
from liveblog.models import AlertSubscription, LiveBlog
from liveblog.reading.views import json_response
from liveblog.stream.frames import Frame, unknown_blog

LONGEST_BODY = 4096  # bytes
# Per address: readers of one office subscribe at the same moment, a script does not fill the table.
SUBSCRIPTIONS = Limit("alert-subscriptions", most=60, seconds=600, flood=0)

Answer = Callable[[HttpRequest, dict[str, object]], Frame]


def takes_json(view: Answer) -> Callable[[HttpRequest], HttpResponse]:
    """The decorator of views (request, the object that was sent), which raise Refusal."""

    @never_cache
    @csrf_exempt  # see require_same_origin()
    @require_POST
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        require_alerts()
        try:
            require_same_origin(request)
            return json_response(view(request, parsed(request)))
        except Refusal as error:
            return json_response(error.frame, error.status)

    return answer


def require_alerts() -> None:
    if not settings.ALERTS:
        raise Http404(_("This site sends no alerts."))


def require_same_origin(request: HttpRequest) -> None:
    """Browsers say with each POST which site's page it comes from. Raises Refusal."""
    if urlsplit(request.headers.get("Origin", "")).netloc != request.get_host():
        raise Refusal("csrf", _("This request does not come from a page of this site."), status=403)


def parsed(request: HttpRequest) -> dict[str, object]:
    if len(request.body) > LONGEST_BODY:
        raise too_long(LONGEST_BODY)
    try:
        value = parse(request.body.decode())
    except UnicodeDecodeError:
        raise not_json() from None
    if not isinstance(value, dict):
        raise expected('{"endpoint": "https://…"}')
    return value


@takes_json
def subscribe(request: HttpRequest, sent: dict[str, object]) -> Frame:
    """`blog`: its slug; `endpoint` and `keys` as in PushSubscription.toJSON()."""
    count(request)
    endpoint, keys = checked_endpoint(sent.get("endpoint")), checked_keys(sent.get("keys"))
    blog = LiveBlog.objects.filter(slug=str(sent.get("blog"))).first()
    if blog is None:
        raise unknown_blog()
    if blog.state == LiveBlog.State.ENDED:
        raise Refusal("ended", _("The coverage has ended; there will be no more alerts."), 409)
    values = {
        "endpoint": endpoint,
        **keys._asdict(),
        "language": get_language() or settings.LANGUAGE_CODE,
    }
    AlertSubscription.objects.update_or_create(
        blog=blog,
        digest=digest_of(endpoint),
        defaults=values | {"failures": 0, "failing_since": None},
    )
    return subscriptions(endpoint)


@takes_json
def listed(request: HttpRequest, sent: dict[str, object]) -> Frame:
    """The blogs of a browser. `endpoint`: its own."""
    return subscriptions(text_of(sent, "endpoint"))


@takes_json
def unsubscribe(request: HttpRequest, sent: dict[str, object]) -> Frame:
    """`endpoint`: the browser's own; `blog`: the slug of one blog, else all are left."""
    endpoint = text_of(sent, "endpoint")
    rows = AlertSubscription.objects.filter(digest=digest_of(endpoint))
    if "blog" in sent:
        rows = rows.filter(blog__slug=text_of(sent, "blog"))
    rows.delete()
    return subscriptions(endpoint)


@takes_json
def renew(request: HttpRequest, sent: dict[str, object]) -> Frame:
    """The push service has given the browser a new address. `old`: the endpoint before."""
    count(request)
    old = digest_of(text_of(sent, "old"))
    endpoint, keys = checked_endpoint(sent.get("endpoint")), checked_keys(sent.get("keys"))
    digest = digest_of(endpoint)
    with transaction.atomic():
        rows = AlertSubscription.objects.filter(digest=old)
        if digest != old:
            has = AlertSubscription.objects.filter(digest=digest).values("blog")
            rows.filter(blog__in=has).delete()
        values = {"endpoint": endpoint, "digest": digest, **keys._asdict()}
        rows.update(**values, failures=0, failing_since=None)
    return subscriptions(endpoint)


def text_of(sent: dict[str, object], name: str) -> str:
    value = sent.get(name)
    if not isinstance(value, str):
        raise expected(f'{{"{name}": "…"}}')
    return value


def count(request: HttpRequest) -> None:
    """Raises Refusal for an address that sends too many."""
    if SUBSCRIPTIONS.is_exceeded(address_of(request)):
        sentence = _("Too many subscriptions from your network. Try again in some minutes.")
        raise Refusal("too_fast", sentence, status=429)


def subscriptions(endpoint: str) -> Frame:
    """The blogs whose alerts the browser gets."""
    rows = AlertSubscription.objects.filter(digest=digest_of(endpoint)).select_related("blog")
    blogs = [
        {"slug": row.blog.slug, "title": row.blog.title, "url": row.blog.get_absolute_url()}
        for row in rows.order_by("-created", "-pk")
    ]
    return {"type": "subscriptions", "blogs": blogs}
