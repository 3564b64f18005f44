from django.urls import path

from board import views

urlpatterns = [
    path("ready/", views.ready),
    path("login/<name>/", views.log_in),
    path("headers/", views.headers),
    path("later/", views.later),
    path("notices/add/<text>/", views.add_notice),
    path("notices/", views.notices),
]
