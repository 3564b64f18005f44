from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from conversations.rooms.names import LONGEST_NAME, bad_room, is_room_name


class RoomForm(forms.Form):
    """Which room?"""

    room = forms.CharField(label=_("Room"), max_length=LONGEST_NAME)

    def clean_room(self) -> str:
        room: str = self.cleaned_data["room"]
        if not is_room_name(room):
            raise ValidationError(bad_room().sentence)
        return room
