"""Decorators of the editors' views: admission, and the answer to what is refused.

A refusal is a page for people; for scripts (`Accept: application/json`) an `error`
frame: 401 `not_logged_in`, 403 `not_allowed` or `csrf`, 404 `unknown_blog` or `not_found`, 503
`unavailable`.
"""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import Error as DatabaseError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import csrf, defaults
from django.views.decorators.cache import never_cache

from conversations.refusals import error_frame
from database.outages import OUTAGES, reason_of
from liveblog.editing.roles import Rights, may_not_edit, rights_of
from liveblog.models import LiveBlog
from liveblog.reading.views import json_response
from liveblog.stream.frames import unknown_blog

logger = logging.getLogger(__name__)

P = ParamSpec("P")

RETRY_AFTER = "2"  # s
PROGRAMS = "/api/"  # below this path every client is a program, whatever it accepts


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def for_editors(
    view: Callable[Concatenate[HttpRequest, LiveBlog, Rights, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
    """The decorator of a view (request, blog, may, …) for users who may write something.

    The result takes the blog's slug, and is never cached. `may`: the user's rights.
    """

    @never_cache
    @formats_errors
    @wraps(view)
    def admitted(
        request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if not request.user.is_authenticated:
            if wants_json(request):
                return json_response(error_frame("not_logged_in", _("Please log in.")), 401)
            return redirect_to_login(request.get_full_path())
        blog = LiveBlog.objects.get(slug=slug)
        may = rights_of(request.user, blog)
        if not may.any:
            raise PermissionDenied(may_not_edit())
        return view(request, blog, may, *args, **kwargs)

    return admitted


def formats_errors(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The decorator that answers a view's exceptions: a page for people, a frame for scripts."""

    @wraps(view)
    def formatted(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (ObjectDoesNotExist, Http404, PermissionDenied) as error:
            if wants_json(request):
                return refusal(error)
            if isinstance(error, ObjectDoesNotExist):
                raise Http404 from error
            raise
        except OUTAGES as error:
            return unavailable(request, error)

    return formatted


def unavailable(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    """The answer to a request that the database failed at: 503, try again."""
    where = f"{request.method} {request.path}"
    logger.error("%s: the database failed: %s", where, reason_of(error))
    if wants_json(request) or request.path.startswith(PROGRAMS):
        sentence = _("The database is temporarily unavailable. Retry with the same key.")
        answer = json_response(error_frame("unavailable", sentence), 503)
    else:
        # Without the request: its user would be read from the database.
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = RETRY_AFTER
    answer["Cache-Control"] = "no-store"
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: the answer to an exception that no view has caught."""
    error = sys.exception()
    if isinstance(error, OUTAGES):
        return unavailable(request, error)
    return defaults.server_error(request)


def refusal(error: Exception) -> HttpResponse:
    """The answer to a script."""
    if isinstance(error, PermissionDenied):
        return json_response(error_frame("not_allowed", str(error)), 403)
    if isinstance(error, LiveBlog.DoesNotExist):
        return json_response(unknown_blog().frame, 404)
    return json_response(
        error_frame("not_found", _("This update does not exist in this live blog.")), 404
    )


def invalid_form(form: BaseForm) -> HttpResponse:
    """The answer to a script: 422 `invalid`, with the form's own sentences in `fields`."""
    fields = {name: list(sentences) for name, sentences in form.errors.items()}
    sentence = _("Not saved. Please fix the highlighted fields.")
    return json_response(error_frame("invalid", sentence) | {"fields": fields}, 422)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's page; for scripts an `error`. A login in another tab changes the token."""
    if not wants_json(request):
        return csrf.csrf_failure(request, reason)
    sentence = _("This form has expired. Reload the page and try again.")
    return json_response(error_frame("csrf", sentence), 403)
