"""The pages of the conversations."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin

from conversations.chat import guests
from conversations.chat.forms import RoomForm
from conversations.chat.room import LONGEST_MESSAGE
from conversations.read_only import read_only
from conversations.rooms.names import bad_room, is_room_name
from conversations.try_addresses import addresses
from conversations.voice.members import MOST


@read_only
def chat_index(request: HttpRequest) -> HttpResponse:
    """A form for the name of a room, which redirects there."""
    form = RoomForm(request.GET if "room" in request.GET else None)
    if form.is_valid():
        return redirect("conversations:chat_room", form.cleaned_data["room"])
    status = 422 if form.is_bound else 200
    return render(request, "conversations/chat_index.html", {"form": form}, status=status)


@read_only
@never_cache
@xframe_options_sameorigin
def chat_room(request: HttpRequest, room_name: str) -> HttpResponse:
    """The room; with `?embed` without the site around it, for an iframe of our own pages."""
    context = {
        "longest": LONGEST_MESSAGE,
        "embed": "embed" in request.GET,
        "history": settings.CHAT_HISTORY,
        "retention": settings.CHAT_RETENTION,
    }
    return room_page(request, "conversations/chat_room.html", room_name, context)


@read_only
@never_cache
def voice_room(request: HttpRequest, room_name: str) -> HttpResponse:
    context = {"ice_servers": settings.ICE_SERVERS, "most": MOST}
    return room_page(request, "conversations/voice_room.html", room_name, context)


def room_page(
    request: HttpRequest, template: str, room_name: str, context: dict[str, Any]
) -> HttpResponse:
    if not is_room_name(room_name):
        context = {"sentence": bad_room().sentence}
        return render(request, "conversations/no_room.html", context, status=404)
    username = request.user.get_username()
    guest = None if username else guests.read(request) or guests.new_guest()
    context |= {"room_name": room_name, "me": username or guest}
    response = render(request, template, context)
    if guest:
        guests.remember(response, guest)
    return response


@read_only
@never_cache
def try_them(request: HttpRequest) -> HttpResponse:
    """Every conversation with a console, for developers; 404 where it is off."""
    if not settings.CONSOLE:
        raise Http404
    found = addresses()
    return render(request, "conversations/try.html", {"addresses": found, "first": found[0]})
