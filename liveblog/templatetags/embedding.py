from django import template
from django.conf import settings

from liveblog.models import LiveBlog

register = template.Library()


@register.inclusion_tag("liveblog/reader/_embed_code.html", takes_context=True)
def embed_code(
    context: template.RequestContext, blog: LiveBlog, to_everybody: bool = False
) -> dict[str, object]:
    """The tag for other sites, where some may embed; `to_everybody`: where all may."""
    request, allowed = context["request"], settings.EMBED_ORIGINS
    return {
        "blog": blog,
        "address": request.build_absolute_uri(blog.get_absolute_url()),
        "is_shown": "*" in allowed if to_everybody else bool(allowed),
        "origins": [origin for origin in allowed if origin != "*"],
    }
