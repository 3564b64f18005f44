"""Which language a request is answered in: `?lang=`, else the cookie, else Accept-Language.

Workers handle requests, messages and commands one after another in one thread, so the language
ends with its request. What caches are told is in ARCHITECTURE.md, "Languages and caches".
"""

from django.conf import settings
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

ARGUMENT = "lang"
ALL = dict(settings.LANGUAGES)


def language_of(request) -> str:
    """The language of a request that asks for none: the cookie's, else the browser's."""
    return kept_language(request) or accepted_language(request)


def middleware(get_response):
    """Answer each request in its language, and remember the one that it asks for by `?lang=`."""

    def answer(request):
        asked = request.GET.get(ARGUMENT)
        asked = asked if asked in ALL else None
        kept, accepted = kept_language(request), accepted_language(request)
        with translation.override(asked or kept or accepted):
            response = get_response(request)
        if not is_in_words(request, response):
            return response
        response.headers.setdefault("Content-Language", asked or kept or accepted)
        if not asked:
            patch_vary_headers(response, ["Accept-Language"])
            # Only an answer that a cookie has changed is an answer for that cookie alone.
            if kept and kept != accepted:
                patch_vary_headers(response, ["Cookie"])
        elif asked != (kept or accepted) and not getattr(response, "without_cookies", False):
            remember(response, asked)
        return response

    return answer


def kept_language(request) -> str | None:
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    return cookie if cookie in ALL else None


def accepted_language(request) -> str:
    """The language of ours that Accept-Language (RFC 9110, 12.5.4) likes best."""
    header = request.headers.get("Accept-Language", "")
    for wanted, quality in parse_accept_lang_header(header):
        for code in ALL:
            if quality and wanted.split("-")[0] == code.split("-")[0]:
                return code
    return settings.LANGUAGE_CODE


def is_in_words(request, response) -> bool:
    """Whether it depends on the language: pages and refusals do; frames, feeds and files do not."""
    if response.status_code == 304:  # no type; a cache takes over its headers all the same
        return request.path.endswith("/")
    return response.status_code >= 400 or response.get("Content-Type", "").startswith("text/html")


def remember(response, language):
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
    # A shared cache would hand the cookie to everybody, or drop it.
    patch_cache_control(response, private=True)
