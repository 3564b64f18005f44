from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from accounts.models import Account
from conversations.read_only import read_only


@read_only
@never_cache
@login_required
def balance(request):
    """The user's balance; the page follows it."""
    account = Account.objects.filter(user=request.user).first()
    return render(request, "accounts/balance.html", {"account": account})
