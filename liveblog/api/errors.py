"""What the token API and uploads refuse: each code once, with its HTTP status and its sentence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from conversations.refusals import error_frame

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True)
class Kind:
    """`when`: the condition, for the API's description; `sentence`: what the client is told."""

    status: int
    when: str
    sentence: "str | StrPromise"


KINDS = {
    "bad_json": Kind(400, "the body is no JSON object", _("The body must be one JSON object.")),
    "bad_revision": Kind(
        400, "`after` is no revision", _("`after` must be a non-negative integer.")
    ),
    "bad_token": Kind(
        401,
        "the token is missing or wrong",
        _("Send a valid token: Authorization: Bearer <token>."),
    ),
    "no_tokens": Kind(
        403,
        "the site has no tokens",
        _("The API of this site is disabled: API_TOKENS is not set."),
    ),
    "unknown_blog": Kind(404, "no such live blog", _("There is no live blog at this address.")),
    "not_found": Kind(404, "no such update", _("This update does not exist in this live blog.")),
    "bad_method": Kind(405, "another method", _("This method is not allowed here.")),
    "conflict": Kind(
        409,
        "`version` in the body is not the update's or summary's; `current` is what is there",
        _("Not saved: the update has been changed since."),
    ),
    "not_a_draft": Kind(
        409,
        "the update is not a draft, or is scheduled",
        _("Not sent: this update is not a draft any more."),
    ),
    "deleted": Kind(410, "the update was deleted", _("This update was deleted.")),
    "precondition_failed": Kind(
        412,
        "`If-Match` is not the version of the update or summary; `current` is what is there",
        _("Not saved: the update does not match If-Match."),
    ),
    "too_long": Kind(413, "the body is too long", _("The body is too large.")),
    "picture_too_large": Kind(
        413, "the picture has more than 10 MB", _("The image is larger than 10 MB.")
    ),
    "not_json": Kind(
        415,
        "the Content-Type is not application/json",
        _("The body must be sent as Content-Type: application/json."),
    ),
    "not_a_picture": Kind(
        415,
        "the file is no JPEG, PNG, WebP or GIF, whatever its name says",
        _("This file is not a supported image. Use JPEG, PNG, WebP or GIF."),
    ),
    "no_picture": Kind(
        422, "there is no file `image` in the form", _("Send the image in the file field `image`.")
    ),
    "damaged_picture": Kind(
        422,
        "the picture is damaged or not complete",
        _("The image is damaged or incomplete."),
    ),
    "too_many_pixels": Kind(
        422,
        "the picture has more than 64 million pixels",
        _("The image has more than 64 million pixels. Use a smaller one."),
    ),
    "picture_too_heavy": Kind(
        422,
        "reading the picture would take more than 400 MB of memory",
        _("The image needs more than 400 MB of memory. Use a smaller one."),
    ),
    "invalid": Kind(
        422,
        "a field cannot be used; `fields` maps its name to sentences",
        _("Not saved: some fields are invalid."),
    ),
    "key_reused": Kind(
        422,
        "the Idempotency-Key belongs to another write",
        _("This Idempotency-Key was already used for a different request."),
    ),
    "bad_number": Kind(
        400, "`size` or `offset` is no number", _("`size` and `offset` are whole numbers.")
    ),
    "unknown_upload": Kind(404, "no such upload", _("There is no such upload. Start again.")),
    "wrong_offset": Kind(
        409,
        "the part does not begin where the upload ends, or is too long; go on at `offset`",
        _("The upload continues at another place."),
    ),
    "upload_busy": Kind(
        409,
        "another part of this upload is being stored; see Retry-After",
        _("Another part of this file is being stored. Please try again in a moment."),
    ),
    "recording_too_large": Kind(
        413,
        "the file has more than `largest` MB, which is MEDIA_MAX_MB",
        _("The file is larger than %(largest)s MB."),
    ),
    "captions_too_large": Kind(
        413, "the captions have more than 1 MB", _("The captions are larger than 1 MB.")
    ),
    "not_a_recording": Kind(
        415,
        "the file is no MP4, WebM, MP3, M4A, Ogg, WAV or WebVTT, whatever its name says",
        _("This file is no supported video or audio. Use MP4, WebM, MP3, M4A, Ogg or WAV."),
    ),
    "unknown_codec": Kind(
        415,
        "not all browsers can play the file's codec",
        _(
            "Not all browsers can play this file. Export it as H.264 with AAC sound, or as MP3,"
            " and try again."
        ),
    ),
    "other_tracks": Kind(
        422,
        "the file has tracks beside picture and sound that cannot be removed",
        _("The file contains data other than picture and sound. Export it without, and try again."),
    ),
    "damaged_recording": Kind(
        422,
        "the file is damaged or not complete",
        _("The video or audio file is damaged or incomplete."),
    ),
    "not_captions": Kind(
        422, "the captions are no WebVTT in UTF-8", _("The captions are not valid WebVTT.")
    ),
    "no_space": Kind(
        507, "the server's disk is nearly full", _("The server's disk is nearly full.")
    ),
    "no_version": Kind(
        428,
        "a change names no version",
        _("The version you edited is required, as If-Match or `version`."),
    ),
    "too_fast": Kind(429, "too many requests; see Retry-After", _("Too many requests.")),
    "too_many_guesses": Kind(
        429,
        "too many wrong tokens came from the client's address; see Retry-After",
        _("Too many wrong tokens from this address. See Retry-After."),
    ),
    "not_stored": Kind(
        503,
        "the disk did not take the file",
        _("The file could not be saved. Please try again in a moment."),
    ),
    "unavailable": Kind(
        503,
        "the database or Redis is away; send it again with the same key",
        _("Temporarily unavailable. Retry with the same key."),
    ),
}


class Refusal(Exception):
    """A request is not answered as it wished. `more`: further members of the answer."""

    def __init__(self, code: str, headers: dict[str, str] | None = None, **more: object) -> None:
        super().__init__(code)
        self.code, self.headers, self.more = code, headers or {}, more

    @property
    def status(self) -> int:
        return KINDS[self.code].status

    @property
    def frame(self) -> dict[str, Any]:
        # In the language of the request that is refused.
        sentence = str(KINDS[self.code].sentence)
        if "%(" in sentence:
            sentence %= self.more
        return error_frame(self.code, sentence) | self.more
