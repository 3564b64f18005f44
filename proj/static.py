"""Static files whose names carry a hash of their content, so that they may be cached for ever."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


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
