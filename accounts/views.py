from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Account


@require_safe
@never_cache
@login_required
def balance(request):
    """The user's balance; the page follows it."""
    account = Account.objects.filter(user=request.user).first()
    return render(request, "accounts/balance.html", {"account": account})
