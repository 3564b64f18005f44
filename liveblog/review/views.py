"""`/liveblog/<slug>/edit/<id>/review/`: a draft, the notes about it, and a form for another one.

A POST has `text`, and `action` = `note` or `return`; `return` sends a draft that waits for review
back to its author. Users who may edit the draft see the notes and add to them; those who may
publish it return it. The answer is a redirect, or the page with what must be corrected (422).
"""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from liveblog.editing.decorators import for_editors
from liveblog.editing.roles import Rights, name_of, user_of
from liveblog.models import BlogUpdate, LiveBlog, ReviewNote
from liveblog.review import mail
from liveblog.review.notes import NoDraft, add_note, is_returned


class NoteForm(forms.ModelForm):
    class Meta:
        model = ReviewNote
        fields = ["text"]
        widgets = {"text": forms.Textarea(attrs={"rows": 4, "dir": "auto"})}


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def review(request: HttpRequest, blog: LiveBlog, may: Rights, pk: int) -> HttpResponse:
    update = get_object_or_404(blog.updates.filter(deleted=False), pk=pk)
    if not may.may_edit(update):
        raise PermissionDenied(_("You don't have permission to edit updates."))
    update.blog = blog
    if request.method != "POST":
        return page(request, update, may, NoteForm())
    form = NoteForm(request.POST)
    if not form.is_valid():
        return page(request, update, may, form, 422)
    returned = request.POST.get("action") == "return"
    if returned and not may.publish:
        raise PermissionDenied(_("You don't have permission to publish updates."))
    user = user_of(request)
    try:
        text = form.cleaned_data["text"]
        note, is_repeated = add_note(update, user, name_of(user), text, returned)
    except NoDraft:
        form.add_error(None, _("Not sent: this update is not a draft any more."))
        update.refresh_from_db()
        return page(request, update, may, form, 409)
    if not is_repeated:
        mail.request_mail(note, request)
    messages.success(request, _("Returned to the author.") if returned else _("Note sent."))
    return redirect("liveblog:review", blog.slug, pk)


def page(
    request: HttpRequest, update: BlogUpdate, may: Rights, form: NoteForm, status: int = 200
) -> HttpResponse:
    context = {
        "blog": update.blog,
        "update": update,
        "notes": update.notes.all(),
        "form": form,
        "is_open": update.draft and not update.publish_at,
        "is_returned": BlogUpdate.objects.filter(is_returned(), pk=update.pk).exists(),
        "may_return": may.publish and update.review,
    }
    return render(request, "liveblog/review/review.html", context, status=status)
