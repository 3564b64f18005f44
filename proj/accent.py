"""`/accent.css`: the site's accent colour as a style sheet, where ACCENT_COLOR sets one."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control

from conversations.read_only import read_only
from proj.branding import Accent


@read_only
@cache_control(public=True, max_age=86_400)  # a day; another colour has another address
def accent(request: HttpRequest) -> HttpResponse:
    """`?theme=light` or `dark`: of that scheme only."""
    light, dark = settings.BRAND.light, settings.BRAND.dark
    if light is None or dark is None:
        raise Http404
    theme = request.GET.get("theme")
    rules = {
        "light": rule(light),
        "dark": rule(dark),
    }.get(theme or "", f"{rule(light)}@media (prefers-color-scheme: dark) {{ {rule(dark)} }}\n")
    return HttpResponse(rules, content_type="text/css; charset=utf-8")


def rule(accent: Accent) -> str:
    return f":root {{ --accent: {accent.ground}; --accent-ink: {accent.ink}; }}\n"
