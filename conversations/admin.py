from django.contrib import admin

from conversations.models import Mute


@admin.register(Mute)
class MuteAdmin(admin.ModelAdmin):
    list_display = ["name", "room", "by", "created"]
    list_filter = ["room"]
    search_fields = ["name", "room"]

    def save_model(self, request, obj, form, change):
        obj.by = obj.by or request.user
        super().save_model(request, obj, form, change)
