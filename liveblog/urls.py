from django.urls import path

from liveblog.alerts import pages as alerts
from liveblog.alerts import subscribing
from liveblog.api import openapi
from liveblog.api.application import urls as api_urls
from liveblog.editing import about, composer, editor_page, history, summary
from liveblog.reading import embed, export, feeds, oembed, posts, views
from liveblog.review import views as review
from liveblog.teams import joining, new_blog
from liveblog.teams import views as teams

app_name = "liveblog"

urlpatterns = [
    path("", views.index, name="index"),
    path("liveblogs/new/", new_blog.new_blog, name="new_blog"),
    path("invitations/<str:token>/", joining.invitation, name="invitation"),
    path("liveblog/<slug:slug>/", views.reader, name="reader"),
    path("liveblog/<slug:slug>/edit/", editor_page.editor, name="editor"),
    path("liveblog/<slug:slug>/images/", composer.image, name="image"),
    path("liveblog/<slug:slug>/recordings/", composer.recordings, name="recordings"),
    path("liveblog/<slug:slug>/recordings/<str:upload>/", composer.recording, name="recording"),
    path("liveblog/<slug:slug>/preview/", composer.preview, name="preview"),
    path("liveblog/<slug:slug>/edit/about/", about.about, name="about"),
    path("liveblog/<slug:slug>/edit/team/", teams.team, name="team"),
    path("liveblog/<slug:slug>/edit/summary/", summary.summary, name="summary"),
    path("liveblog/<slug:slug>/edit/<int:pk>/review/", review.review, name="review"),
    path("liveblog/<slug:slug>/edit/<int:pk>/history/", history.history, name="history"),
    path("liveblog/<slug:slug>/updates.json", views.updates_json, name="updates_json"),
    path("liveblog/<slug:slug>/feed/", feeds.feed, name="feed"),
    path("liveblog/<slug:slug>/export.json", export.export, {"kind": "json"}, name="export_json"),
    path("liveblog/<slug:slug>/export.html", export.export, {"kind": "html"}, name="export_html"),
    path("liveblog/<slug:slug>/embed.js", embed.script, name="embed_script"),
    path("liveblog/<slug:slug>/embed/", embed.page, name="embed"),
    path("liveblog/<slug:slug>/embed/<int:pk>/", embed.post, name="embed_post"),
    path("oembed", oembed.oembed, name="oembed"),
    path("liveblog/<slug:slug>/<int:pk>/", posts.post, name="post"),
    path("alerts/", alerts.page, name="alerts"),
    path("alerts/sw.js", alerts.worker, name="alerts_worker"),
    path("alerts/app.webmanifest", alerts.manifest, name="alerts_manifest"),
    path("alerts/subscribe/", subscribing.subscribe, name="subscribe"),
    path("alerts/unsubscribe/", subscribing.unsubscribe, name="unsubscribe"),
    path("alerts/subscriptions/", subscribing.listed, name="subscriptions"),
    path("alerts/renew/", subscribing.renew, name="renew_subscription"),
    path("alerts/leave/<str:token>/", alerts.leave, name="leave_alerts"),
    path("api/openapi.json", openapi.openapi, name="openapi"),
    path("api/", api_urls()),
]
