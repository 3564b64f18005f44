"""What the composer requests while somebody writes. Nothing here changes the blog.

* POST to `/liveblog/<slug>/images/`: a picture; liveblog/pictures/uploads.py describes the
  request and the answer;
* POST to `/liveblog/<slug>/recordings/`, PUT and GET to `/liveblog/<slug>/recordings/<upload>/`:
  a video or audio file in parts, as liveblog/recordings/uploads.py describes;
* POST to `/liveblog/<slug>/preview/`: `headline` and `body`, as the editor's form sends them; the
  answer is `{"type": "preview", "headline", "content"}`, `content` as readers get it, or 422
  `error`, code `invalid`, with the form's own sentences in `fields`; 429 `error`, code
  `too_fast`, with Retry-After, where one user requests more than PREVIEWS.

All are for users who may write here, and refuse others as the editor's page does.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations.rate_limits import Limit
from liveblog.api.errors import Refusal
from liveblog.editing.decorators import for_editors, invalid_form
from liveblog.editing.editor_page import require
from liveblog.editing.forms import PreviewForm
from liveblog.editing.roles import Rights, user_of
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import uploads
from liveblog.reading.views import json_response
from liveblog.recordings import uploads as recording_uploads

P = ParamSpec("P")

# A page sends one request when its writer pauses for 0.3 s. A preview takes a worker up to 30 ms.
PREVIEWS = Limit("previews", most=40, seconds=10, flood=400)


def for_writers(
    *methods: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, str, P], HttpResponse],
]:
    """The decorator of a view for users who may write or change an update of the blog.

    A Refusal becomes its frame.
    """

    def decorator(
        view: Callable[Concatenate[HttpRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
        @require_http_methods(methods)
        @for_editors
        def admitted(
            request: HttpRequest, blog: LiveBlog, may: Rights, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            require(may.write or may.change, _("You don't have permission to write updates."))
            try:
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                return json_response(refusal.frame, refusal.status, **refusal.headers)

        return admitted

    return decorator


@for_writers("POST")
def image(request: HttpRequest) -> HttpResponse:
    return json_response(uploads.store_upload(request), 201)


@for_writers("POST")
def recordings(request: HttpRequest) -> HttpResponse:
    return json_response(*recording_uploads.begin_upload(request))


@for_writers("GET", "PUT")
def recording(request: HttpRequest, upload: str) -> HttpResponse:
    if request.method == "PUT":
        return json_response(*recording_uploads.add_part(request, upload))
    return json_response(*recording_uploads.show_upload(request, upload))


@for_writers("POST")
def preview(request: HttpRequest) -> HttpResponse:
    count_preview(user_of(request))
    form = PreviewForm(request.POST)
    if not form.is_valid():
        return invalid_form(form)
    headline, body = form.cleaned_data["headline"], form.cleaned_data["body"]
    content = BlogUpdate(body=body).content
    return json_response({"type": "preview", "headline": headline, "content": content})


def count_preview(user: User) -> None:
    """Raises Refusal for a user who requests too many."""
    name = str(user.pk)
    if PREVIEWS.is_exceeded(name):
        raise Refusal("too_fast", {"Retry-After": str(PREVIEWS.wait(name))})
