from django.contrib import admin
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
        obj.by = obj.by or request.user
        super().save_model(request, obj, form, change)
