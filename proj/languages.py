"""The language of an answer: `?lang=`, else the cookie, else Accept-Language.

Workers handle requests, messages and commands one after another in one thread, so the language
ends with its request. ARCHITECTURE.md, "Languages and caches", has the headers for caches.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

ARGUMENT = "lang"
ALL = dict(settings.LANGUAGES)

View = Callable[[HttpRequest], HttpResponseBase]


def language_of(request: HttpRequest) -> str:
    """The language of a request without `?lang=`: the cookie's, else the browser's."""
    return kept_language(request) or accepted_language(request)


def middleware(get_response: View) -> View:
    """Answer each request in its language, and store that of `?lang=` in the cookie."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        argument = request.GET.get(ARGUMENT)
        asked = argument if argument in ALL else None
        kept, accepted = kept_language(request), accepted_language(request)
        used = asked or kept or accepted
        with translation.override(used):
            response = get_response(request)
        if not depends_on_language(request, response):
            return response
        response.headers.setdefault("Content-Language", used)
        if not asked:
            patch_vary_headers(response, ["Accept-Language"])
            # Only an answer that a cookie has changed is an answer for that cookie alone.
            if kept and kept != accepted:
                patch_vary_headers(response, ["Cookie"])
        elif asked != (kept or accepted) and not getattr(response, "without_cookies", False):
            remember(response, asked)
        return response

    return answer


def kept_language(request: HttpRequest) -> str | None:
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    return cookie if cookie in ALL else None


def accepted_language(request: HttpRequest) -> str:
    """The site's language that Accept-Language (RFC 9110, section 12.5.4) prefers."""
    header = request.headers.get("Accept-Language", "")
    for wanted, quality in parse_accept_lang_header(header):
        for code in ALL:
            if quality and wanted.split("-")[0] == code.split("-")[0]:
                return code
    return settings.LANGUAGE_CODE


def depends_on_language(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer is translated: pages and refusals are; frames, feeds and files are not."""
    if response.status_code == 304:  # has no Content-Type, but a cache takes over its headers
        return request.path.endswith("/")
    content_type = response.headers.get("Content-Type", "")
    return response.status_code >= 400 or content_type.startswith("text/html")


def remember(response: HttpResponseBase, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    # A shared cache would hand the cookie to everybody, or drop it.
    patch_cache_control(response, private=True)
