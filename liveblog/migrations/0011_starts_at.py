from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("liveblog", "0010_rendered_text"),
    ]

    operations = [
        migrations.AddField(
            model_name="liveblog",
            name="starts_at",
            field=models.DateTimeField(
                blank=True,
                help_text="In UTC. Shown to readers until the coverage begins.",
                null=True,
                verbose_name="starts",
            ),
        ),
    ]
