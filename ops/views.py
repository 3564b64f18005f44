from django.contrib.admin.views.decorators import staff_member_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from conversations.read_only import read_only


@read_only
@never_cache
@staff_member_required(login_url="login")
def ops(request):
    """Charts of sockets, deliveries, queues and drops; the script draws them."""
    return render(request, "ops/ops.html")
