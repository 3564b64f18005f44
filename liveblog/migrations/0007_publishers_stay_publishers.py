"""Until now the permission to add updates was the one to publish them: who has it keeps both."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_publishers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    using = schema_editor.connection.alias
    Permission = apps.get_model("auth", "Permission")
    ContentType = apps.get_model("contenttypes", "ContentType")
    permissions = Permission.objects.using(using)
    add = permissions.filter(content_type__app_label="liveblog", codename="add_blogupdate").first()
    if add is None:
        return  # a new database: nobody has it
    kind = ContentType.objects.using(using).get(app_label="liveblog", model="blogupdate")
    publish, _ = permissions.get_or_create(
        content_type=kind,
        codename="publish_blogupdate",
        defaults={"name": "Can publish updates"},
    )
    for model, field in (("User", "user_permissions"), ("Group", "permissions")):
        for row in apps.get_model("auth", model).objects.using(using).filter(**{field: add}):
            getattr(row, field).add(publish)


class Migration(migrations.Migration):
    dependencies = [
        ("liveblog", "0006_history_and_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(keep_publishers, migrations.RunPython.noop, elidable=True)]
