"""`/liveblog/<slug>/<id>/`: one post under its permanent address, with what social cards show."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page

from conversations.read_only import read_only
from liveblog.editing.roles import rights_of, session_user
from liveblog.models import LiveBlog
from liveblog.reading.cards import card_of_post
from liveblog.reading.pages import place_in_stream
from liveblog.reading.views import cached, private
from liveblog.stream.frames import update_frame


@read_only
@conditional_page
def post(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The page; 404 for what readers have never seen, 410 for what was deleted.

    Editors get a link that opens the post in the editor's form.
    """
    blog = get_object_or_404(LiveBlog, slug=slug)
    # A deleted draft is still a draft: readers have never seen it.
    row = blog.updates.filter(pk=pk, draft=False).first()
    if row is None:
        raise Http404(_("This update does not exist in this live blog."))
    if row.deleted:
        return cached(render(request, "410.html", {"blog": blog}, status=410), blog)
    row.blog = blog
    user = session_user(request)
    context = {
        "blog": blog,
        "update": update_frame(row) | {"row": row},
        "card": card_of_post(request, row),
        "in_stream": place_in_stream(blog, row),
        "may_edit": user is not None and rights_of(user, blog).may_edit(row),
    }
    response = render(request, "liveblog/reader/post.html", context)
    return cached(response, blog) if user is None else private(response)
