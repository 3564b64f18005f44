from django.urls import path

from conversations import views
from conversations.rooms import api

app_name = "conversations"

urlpatterns = [
    path("chat/", views.chat_index, name="chat_index"),
    path("chat/<str:room_name>/", views.chat_room, name="chat_room"),
    path("voice/<str:room_name>/", views.voice_room, name="voice_room"),
    path("try/", views.try_them, name="try"),
    path("api/rooms/<str:room_name>/", api.push_to_room, name="push_to_room"),
]
