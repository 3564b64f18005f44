from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from conversations.read_only import read_only

SPAN = 600  # s that a chart shows
ASK_EVERY = 2  # s between two samples


@read_only
@never_cache
@staff_member_required(login_url="login")
def ops(request: HttpRequest) -> HttpResponse:
    """Charts of sockets, deliveries, queues and drops, which a script draws."""
    context = {"span": SPAN, "minutes": SPAN // 60, "every_ms": ASK_EVERY * 1000}
    return render(request, "ops/ops.html", context)
