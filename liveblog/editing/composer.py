"""What the composer asks the server for while somebody writes. Nothing of it changes the blog.

* POST to `/liveblog/<slug>/images/`: a picture; liveblog/pictures/uploads.py says what goes in
  and out;
* POST to `/liveblog/<slug>/preview/`: `headline` and `body`, as the editor's form sends them; the
  answer is `{"type": "preview", "headline", "content"}`, `content` as readers get it, or 422
  `error`, code `invalid`, with the form's own sentences in `fields`; 429 `error`, code
  `too_fast`, with Retry-After, where one user asks for more than PREVIEWS.

Both are for whoever may write here, and refuse others as the editor's page does.
"""

import logging

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
from liveblog.pictures import uploads
from liveblog.reading.views import json_answer
from liveblog.text.markup import render

logger = logging.getLogger(__name__)

# A page asks once when its writer pauses for 0.3 s. A preview takes a worker up to 30 ms.
PREVIEWS = Limit("previews", most=40, seconds=10, flood=400)


def for_writers(view):
    """The view (request) of whoever may write or change an update of the blog."""

    @require_POST
    @for_editors
    def admitted(request, blog, may):
        require(may.write or may.change, _("You don't have permission to write updates."))
        return view(request)

    return admitted


@for_writers
def image(request):
    try:
        return json_answer(uploads.take(request), 201)
    except Refusal as refusal:
        return json_answer(refusal.frame, refusal.status, **refusal.headers)


@for_writers
def preview(request: HttpRequest) -> HttpResponse:
    try:
        admit(request.user)
    except Refusal as refusal:
        return json_answer(refusal.frame, refusal.status, **refusal.headers)
    form = PreviewForm(request.POST)
    if not form.is_valid():
        return invalid_form(form)
    headline, body = form.cleaned_data["headline"], form.cleaned_data["body"]
    return json_answer({"type": "preview", "headline": headline, "content": render(body)})


def admit(user: User) -> None:
    """Raises Refusal for a user who asks too often."""
    who = str(user.pk)
    try:
        if PREVIEWS.count(who) > PREVIEWS.most:
            raise Refusal("too_fast", {"Retry-After": str(PREVIEWS.wait(who))})
    except redis.RedisError:
        logger.warning("A preview was not counted: Redis is away")
