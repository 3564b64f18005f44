"""`/liveblog/<slug>/<id>/`: one post under its permanent address, with what social cards show."""

from urllib.parse import urljoin

from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from liveblog.excerpts import description_of, first_image, title_of
from liveblog.frames import page_of_updates, update_frame
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.views import briefly_public, newer_than


@require_safe
@briefly_public
def post(request, slug, pk):
    """The page; 404 for what readers have never seen, 410 for what they no longer shall."""
    blog = get_object_or_404(LiveBlog, slug=slug)
    # A deleted draft is still a draft: nobody has seen it.
    row = blog.updates.filter(pk=pk, draft=False).first()
    if row is None:
        raise Http404(_("This live blog has no such update."))
    if row.deleted:
        return render(request, "410.html", {"blog": blog}, status=410)
    row.blog = blog
    address = request.build_absolute_uri(row.get_absolute_url())
    image = first_image(row)
    context = {
        "blog": blog,
        "update": update_frame(row) | {"row": row},
        "title": title_of(row),
        "description": description_of(row),
        "address": address,
        "image": image and image._replace(address=urljoin(address, image.address)),
        "in_stream": place_in_stream(blog, row),
    }
    return render(request, "liveblog/post.html", context)


def place_in_stream(blog: LiveBlog, row: BlogUpdate) -> str:
    """The address of the reader's page that the post stands on."""
    page = blog.get_absolute_url()
    if row.pk not in {shown.pk for shown in page_of_updates(blog)}:
        page += f"?before={newer_than(blog, row).last().pk}"
    return f"{page}#update-{row.pk}"
