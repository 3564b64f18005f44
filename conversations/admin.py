from django.contrib import admin
from django.contrib.auth.models import User
from django.forms import ModelForm
from django.http import HttpRequest

from conversations.models import Mute


@admin.register(Mute)
class MuteAdmin(admin.ModelAdmin):
    list_display = ["name", "room", "by", "created"]
    list_filter = ["room"]
    search_fields = ["name", "room"]

    def save_model(
        self, request: HttpRequest, obj: Mute, form: "ModelForm[Mute]", change: bool
    ) -> None:
        if obj.by is None and isinstance(request.user, User):
            obj.by = request.user
        super().save_model(request, obj, form, change)
