from django.urls import path

from ops.views import ops

app_name = "ops"
urlpatterns = [path("", ops, name="ops")]
