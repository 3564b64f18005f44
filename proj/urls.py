"""Every HTTP address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from proj.health import healthz
from realtime.prometheus import metrics_view

urlpatterns = [
    path("", include("liveblog.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("metrics", metrics_view),
]
