from django.urls import path

from liveblog import (
    api,
    composing,
    coverage_state,
    editor,
    embed,
    exports,
    feeds,
    history,
    openapi,
    posts,
    views,
)

app_name = "liveblog"

urlpatterns = [
    path("", views.index, name="index"),
    path("liveblog/<slug:slug>/", views.reader, name="reader"),
    path("liveblog/<slug:slug>/edit/", editor.editor, name="editor"),
    path("liveblog/<slug:slug>/images/", composing.image, name="image"),
    path("liveblog/<slug:slug>/preview/", composing.preview, name="preview"),
    path("liveblog/<slug:slug>/edit/about/", coverage_state.about, name="about"),
    path("liveblog/<slug:slug>/edit/<int:pk>/history/", history.history, name="history"),
    path("liveblog/<slug:slug>/updates.json", views.updates_json, name="updates_json"),
    path("liveblog/<slug:slug>/feed/", feeds.feed, name="feed"),
    path("liveblog/<slug:slug>/export.json", exports.export, {"kind": "json"}, name="export_json"),
    path("liveblog/<slug:slug>/export.html", exports.export, {"kind": "html"}, name="export_html"),
    path("liveblog/<slug:slug>/embed.js", embed.script, name="embed_script"),
    path("liveblog/<slug:slug>/embed/", embed.page, name="embed"),
    path("liveblog/<slug:slug>/<int:pk>/", posts.post, name="post"),
    path("api/openapi.json", openapi.openapi, name="openapi"),
    path("api/liveblogs/<str:slug>/updates/", api.updates, name="api_updates"),
    path("api/liveblogs/<str:slug>/images/", api.images, name="api_images"),
    path("api/liveblogs/<str:slug>/updates/<str:pk>/", api.update, name="api_update"),
]
