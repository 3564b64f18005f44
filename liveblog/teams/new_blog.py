"""`/liveblogs/new/`: create a live blog. Its creator becomes the manager of its team."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from liveblog.editing.about import START_WIDGET
from liveblog.editing.roles import may_create_blogs, user_of
from liveblog.models import LiveBlog, Membership
from liveblog.slugs import free_slug
from liveblog.teams.models import Role

ATTEMPTS = 5  # at a free slug, while others create blogs with the same title


class NewBlogForm(forms.ModelForm):
    class Meta:
        model = LiveBlog
        fields = ["title", "description", "starts_at", "slug"]
        labels = {"slug": gettext_lazy("Address"), "starts_at": gettext_lazy("Start time")}
        widgets = {
            "title": forms.TextInput(attrs={"dir": "auto"}),
            "description": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
            "starts_at": START_WIDGET,
        }
        help_texts = {
            "starts_at": gettext_lazy(
                "In UTC. Leave empty to start coverage now. Otherwise the live blog is shown as"
                " upcoming until you start it."
            ),
            "slug": gettext_lazy(
                "Part of the URL: letters a to z, digits and hyphens. Leave empty to have one"
                " made from the title."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False

    def clean_starts_at(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["starts_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError(_("This time has passed. Leave it empty to start now."))
        return moment

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug and LiveBlog.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_("Another live blog has this address."))
        return slug


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_blog(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    user = user_of(request)
    if not may_create_blogs(user):
        raise PermissionDenied(_("You don't have permission to create live blogs."))
    if request.method != "POST":
        return page(request, NewBlogForm())
    form = NewBlogForm(request.POST)
    if not form.is_valid():
        return page(request, form, 422)
    blog = create(form, user)
    if blog is None:
        form.add_error("slug", _("Another live blog has this address."))
        return page(request, form, 422)
    messages.success(request, _("Live blog created. Invite your team under Settings."))
    return redirect("liveblog:editor", blog.slug)


def create(form: NewBlogForm, user: User) -> LiveBlog | None:
    """The new blog, or None if another one has taken its address in the meantime."""
    wanted: str = form.cleaned_data["slug"]
    state = LiveBlog.State.UPCOMING if form.cleaned_data["starts_at"] else LiveBlog.State.LIVE
    for _attempt in range(ATTEMPTS):
        form.instance.slug = wanted or free_slug(form.cleaned_data["title"])
        form.instance.state = state
        try:
            with transaction.atomic():
                blog: LiveBlog = form.save()
                Membership.objects.create(blog=blog, user=user, role=Role.MANAGER)
                return blog
        except IntegrityError:
            form.instance.pk, form.instance._state.adding = None, True
    return None


def page(request: HttpRequest, form: NewBlogForm, status: int = 200) -> HttpResponse:
    return render(request, "liveblog/teams/new_blog.html", {"form": form}, status=status)
