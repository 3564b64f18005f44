from django.urls import path

from liveblog import editor, exports, feeds, posts, views

app_name = "liveblog"

urlpatterns = [
    path("", views.index, name="index"),
    path("liveblog/<slug:slug>/", views.reader, name="reader"),
    path("liveblog/<slug:slug>/edit/", editor.editor, name="editor"),
    path("liveblog/<slug:slug>/updates.json", views.updates_json, name="updates_json"),
    path("liveblog/<slug:slug>/feed/", feeds.feed, name="feed"),
    path("liveblog/<slug:slug>/export.json", exports.export, {"kind": "json"}, name="export_json"),
    path("liveblog/<slug:slug>/export.html", exports.export, {"kind": "html"}, name="export_html"),
    path("liveblog/<slug:slug>/<int:pk>/", posts.post, name="post"),
]
