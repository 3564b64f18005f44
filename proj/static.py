"""Files whose names carry a hash of their content, so that they may be cached for ever."""

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware


class HashedFiles(ManifestStaticFilesStorage):
    """Hashed names once `collectstatic` has run; plain ones before, and for what it did not find.

    Modules import each other by hashed names too. Files of earlier releases stay: pages in caches
    and workers of the old code still name them.
    """

    support_js_module_import_aggregation = True

    def stored_name(self, name):
        if self.hash_key(self.clean_name(name)) not in self.hashed_files:
            return name
        return super().stored_name(name)


class Files(WhiteNoiseMiddleware):
    """Static files and, where no nginx does it, what was uploaded: that may do nothing at all."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_files(settings.MEDIA_ROOT, settings.MEDIA_URL)
        self.add_headers_function = self.sandbox

    def immutable_file_test(self, path, url):
        return url.startswith(settings.MEDIA_URL) or super().immutable_file_test(path, url)

    @staticmethod
    def sandbox(headers, path, url):
        if url.startswith(settings.MEDIA_URL):
            headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
