import re

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from liveblog.models import LiveBlog

register = template.Library()

LOCAL = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?\Z")


@register.simple_tag(takes_context=True)
def alerts_address(context: template.RequestContext, blog: LiveBlog) -> str:
    """Where readers switch on the blog's alerts, or "" where they cannot.

    Browsers have the Push API over HTTPS and on their own machine only (secure contexts).
    """
    request: HttpRequest = context["request"]
    is_secure = request.is_secure() or LOCAL.match(request.get_host())
    if not settings.ALERTS or not is_secure or blog.state == LiveBlog.State.ENDED:
        return ""
    return f"{reverse('liveblog:alerts')}?blog={blog.slug}"
