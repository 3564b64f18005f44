"""The door of every page for editors: who comes in, and how refusals are answered.

What is refused becomes a page for people; for scripts (`Accept: application/json`) an `error`
frame: 401 `not_logged_in`, 403 `not_allowed` or `csrf`, 404 `unknown_blog` or `not_found`, 503
`unavailable`.
"""

import logging
import sys
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import csrf, defaults
from django.views.decorators.cache import never_cache

from conversations.json_text import error_frame
from database.outages import OUTAGES, reason_of
from liveblog.editing.roles import may_not_edit, rights_of
from liveblog.models import LiveBlog
from liveblog.reading.views import json_answer
from liveblog.stream.frames import unknown_blog

logger = logging.getLogger(__name__)

RETRY_AFTER = "2"  # s
PROGRAMS = "/api/"  # addresses below are for programs, whatever they accept


def wants_json(request) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def for_editors(view):
    """The view (request, blog, may, **kwargs) of whoever may write something; never cached.

    `may` is the user's Rights.
    """

    @never_cache
    @answers_in_kind
    @wraps(view)
    def admitted(request, slug, **kwargs):
        if not request.user.is_authenticated:
            if wants_json(request):
                return json_answer(error_frame("not_logged_in", _("Please log in.")), 401)
            return redirect_to_login(request.get_full_path())
        blog = LiveBlog.objects.get(slug=slug)
        may = rights_of(request.user)
        if not may.any:
            raise PermissionDenied(may_not_edit())
        return view(request, blog, may, **kwargs)

    return admitted


def answers_in_kind(view):
    """What the view raises becomes a page for people, and for scripts an `error` frame."""

    @wraps(view)
    def answering(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except (ObjectDoesNotExist, Http404, PermissionDenied) as error:
            if wants_json(request):
                return json_answer(*refusal(error))
            if isinstance(error, ObjectDoesNotExist):
                raise Http404 from error
            raise
        except OUTAGES as error:
            return unavailable(request, error)

    return answering


def unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer while the database does not do what it is asked: try again."""
    where = f"{request.method} {request.path}"
    logger.error("%s: the database failed: %s", where, reason_of(error))
    if wants_json(request) or request.path.startswith(PROGRAMS):
        sentence = _("The database is temporarily unavailable. Retry with the same key.")
        answer = json_answer(error_frame("unavailable", sentence), 503)
    else:
        # Without the request: who is logged in would be read from the database.
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = RETRY_AFTER
    answer["Cache-Control"] = "no-store"
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: what no view has caught."""
    error = sys.exception()
    if isinstance(error, OUTAGES):
        return unavailable(request, error)
    return defaults.server_error(request)


def refusal(error):
    """The frame and the HTTP status."""
    if isinstance(error, PermissionDenied):
        return error_frame("not_allowed", str(error)), 403
    if isinstance(error, LiveBlog.DoesNotExist):
        return unknown_blog(), 404
    return error_frame("not_found", _("This update does not exist in this live blog.")), 404


def invalid_form(form):
    """The answer to a script: 422 `invalid`, with the form's own sentences in `fields`."""
    fields = {name: list(sentences) for name, sentences in form.errors.items()}
    sentence = _("Not saved. Please fix the highlighted fields.")
    return json_answer(error_frame("invalid", sentence) | {"fields": fields}, 422)


def csrf_failure(request, reason=""):
    """Django's page; for scripts an `error`. A login in another tab changes the token."""
    if not wants_json(request):
        return csrf.csrf_failure(request, reason)
    sentence = _("This form has expired. Reload the page and try again.")
    return json_answer(error_frame("csrf", sentence), 403)
