"""Every HTTP address of the site."""

from channels_realtime.metrics.prometheus import metrics_view
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from accounts.passwords import RequestReset, ResetRequested, SetPassword
from accounts.views import ChangePassword, balance
from conversations.read_only import read_only
from liveblog.alerts.collector import AlertCollector
from liveblog.link_cards.collector import LinkCardCollector
from liveblog.webhooks.collector import WebhookCollector
from proj.accent import accent
from proj.health import healthz, readyz
from proj.metrics import SiteCollector

handler500 = "liveblog.editing.decorators.server_error"

COLLECTORS = [WebhookCollector(), AlertCollector(), LinkCardCollector(), SiteCollector()]

urlpatterns = [
    path("", include("liveblog.urls")),
    path("", include("conversations.urls")),
    path("accent.css", accent, name="accent"),
    path("accounts/balance/", balance, name="balance"),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/password/", ChangePassword.as_view(), name="password_change"),
    path("accounts/reset/", RequestReset.as_view(), name="password_reset"),
    path("accounts/reset/sent/", ResetRequested.as_view(), name="password_reset_done"),
    path("accounts/reset/<uidb64>/<token>/", SetPassword.as_view(), name="password_reset_confirm"),
    path("admin/", admin.site.urls),
    path("healthz", read_only(healthz)),
    path("ops/", include("ops.urls")),
    path("readyz", read_only(readyz)),
    path("metrics", read_only(metrics_view), {"collectors": COLLECTORS}),
]
