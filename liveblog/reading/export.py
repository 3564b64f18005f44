"""`/liveblog/<slug>/export.json` and `export.html`: the whole live blog as a file, for staff."""

import json

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from conversations.read_only import read_only
from liveblog.models import LiveBlog
from liveblog.reading.transfer import document
from liveblog.text.excerpts import absolute


@read_only
@never_cache
def export(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not request.user.is_staff:
        raise PermissionDenied(_("Only staff can export live blogs."))
    blog = get_object_or_404(LiveBlog, slug=slug)
    made = as_json(blog) if kind == "json" else as_html(blog, request.build_absolute_uri("/"))
    content_type = {"json": "application/json", "html": "text/html; charset=utf-8"}[kind]
    headers = {"Content-Disposition": f'attachment; filename="{blog.slug}.{kind}"'}
    return HttpResponse(made, content_type=content_type, headers=headers)


def as_json(blog: LiveBlog) -> str:
    """The document of liveblog.reading.transfer, drafts included."""
    return json.dumps(document(blog), ensure_ascii=False, indent=1) + "\n"


def as_html(blog: LiveBlog, site: str = "") -> str:
    """One page of what readers see, oldest first. `site`: made absolute where it is given."""
    rows = blog.updates.visible().order_by("created", "pk")
    updates = [{"row": row, "content": content(row.feed_content, site)} for row in rows]
    context = {"blog": blog, "updates": updates, "summary": content(blog.summary_content, site)}
    return render_to_string("liveblog/reader/export.html", context)


def content(html: str, site: str) -> str:
    return absolute(html, site) if site else html
