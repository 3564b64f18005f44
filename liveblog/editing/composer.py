"""What the composer requests while somebody writes. Nothing here changes the blog.

* POST to `/liveblog/<slug>/images/`: a picture; liveblog/pictures/uploads.py describes the
  request and the answer;
* POST to `/liveblog/<slug>/preview/`: `headline` and `body`, as the editor's form sends them; the
  answer is `{"type": "preview", "headline", "content"}`, `content` as readers get it, or 422
  `error`, code `invalid`, with the form's own sentences in `fields`; 429 `error`, code
  `too_fast`, with Retry-After, where one user requests more than PREVIEWS.

Both are for users who may write here, and refuse others as the editor's page does.
"""

import logging
from collections.abc import Callable

import redis
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations.rate_limits import Limit
from liveblog.api.errors import Refusal
from liveblog.editing.decorators import for_editors, invalid_form
from liveblog.editing.editor_page import require
from liveblog.editing.forms import PreviewForm
from liveblog.editing.roles import Rights, user_of
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import uploads
from liveblog.reading.views import json_response

logger = logging.getLogger(__name__)

# A page sends one request when its writer pauses for 0.3 s. A preview takes a worker up to 30 ms.
PREVIEWS = Limit("previews", most=40, seconds=10, flood=400)


def for_writers(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest, str], HttpResponse]:
    """The decorator of a view for users who may write or change an update of the blog."""

    @require_POST
    @for_editors
    def admitted(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
        require(may.write or may.change, _("You don't have permission to write updates."))
        return view(request)

    return admitted


@for_writers
def image(request: HttpRequest) -> HttpResponse:
    try:
        return json_response(uploads.store_upload(request), 201)
    except Refusal as refusal:
        return json_response(refusal.frame, refusal.status, **refusal.headers)


@for_writers
def preview(request: HttpRequest) -> HttpResponse:
    try:
        count_preview(user_of(request))
    except Refusal as refusal:
        return json_response(refusal.frame, refusal.status, **refusal.headers)
    form = PreviewForm(request.POST)
    if not form.is_valid():
        return invalid_form(form)
    headline, body = form.cleaned_data["headline"], form.cleaned_data["body"]
    content = BlogUpdate(body=body).content
    return json_response({"type": "preview", "headline": headline, "content": content})


def count_preview(user: User) -> None:
    """Raises Refusal for a user who requests too many."""
    name = str(user.pk)
    try:
        if PREVIEWS.count(name) > PREVIEWS.most:
            raise Refusal("too_fast", {"Retry-After": str(PREVIEWS.wait(name))})
    except redis.RedisError:
        logger.warning("A preview was not counted: Redis is unavailable")
