from django.contrib.admin.views.decorators import staff_member_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
@staff_member_required(login_url="login")
def ops(request):
    """Charts of sockets, deliveries, queues and drops; the script draws them."""
    return render(request, "ops/ops.html")
