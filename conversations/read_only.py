"""Views that can only be read."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

READING = ["GET", "HEAD"]

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def read_only(view: View[P]) -> View[P]:
    """The decorator that answers every other method with 405 and a sentence.

    The view changes nothing, so a request needs no CSRF token.
    """

    @csrf_exempt
    @wraps(view)
    def inner(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method in READING:
            return view(request, *args, **kwargs)
        sentence = _("This address is read-only. Use GET.")
        return HttpResponseNotAllowed(READING, sentence, content_type="text/plain; charset=utf-8")

    return inner
