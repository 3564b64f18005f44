from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from conversations.read_only import read_only


@read_only
@never_cache
@staff_member_required(login_url="login")
def ops(request: HttpRequest) -> HttpResponse:
    """Charts of sockets, deliveries, queues and drops, which a script draws."""
    return render(request, "ops/ops.html")
