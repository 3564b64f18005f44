"""What the composer asks the server for while somebody writes. Nothing of it changes the blog.

* POST to `/liveblog/<slug>/images/`: a picture; liveblog/uploads.py says what goes in and out;
* POST to `/liveblog/<slug>/preview/`: `headline` and `body`, as the editor's form sends them; the
  answer is `{"type": "preview", "headline", "content"}`, `content` as readers get it, or 422
  `error`, code `invalid`, with the form's own sentences in `fields`.

Both are for whoever may write here, and refuse others as the editor's page does.
"""

from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from liveblog import uploads
from liveblog.doors import for_editors, invalid_form
from liveblog.editor import require
from liveblog.forms import PreviewForm
from liveblog.markup import render
from liveblog.refusals import Refusal
from liveblog.views import json_answer


def for_writers(view):
    """The view (request) of whoever may write or change an update of the blog."""

    @require_POST
    @for_editors
    def admitted(request, blog, may):
        require(may.write or may.change, _("You may not write updates here."))
        return view(request)

    return admitted


@for_writers
def image(request):
    try:
        return json_answer(uploads.take(request), 201)
    except Refusal as refusal:
        return json_answer(refusal.frame, refusal.status, **refusal.headers)


@for_writers
def preview(request):
    form = PreviewForm(request.POST)
    if not form.is_valid():
        return invalid_form(form)
    headline, body = form.cleaned_data["headline"], form.cleaned_data["body"]
    return json_answer({"type": "preview", "headline": headline, "content": render(body)})
