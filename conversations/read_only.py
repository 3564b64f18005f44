"""Addresses that can only be read."""

from functools import wraps

from django.http import HttpResponseNotAllowed
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

READING = ["GET", "HEAD"]


def read_only(view):
    """Answers every other method with 405 and a sentence.

    Nothing is changed by it, so it needs no CSRF token: who sends one again gets no further.
    """

    @csrf_exempt
    @wraps(view)
    def answering(request, *args, **kwargs):
        if request.method in READING:
            return view(request, *args, **kwargs)
        sentence = _("This address is read-only. Use GET.")
        return HttpResponseNotAllowed(READING, sentence, content_type="text/plain; charset=utf-8")

    return answering
