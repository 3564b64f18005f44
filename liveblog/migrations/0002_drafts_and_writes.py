import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("liveblog", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Write",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=64)),
                ("version", models.BigIntegerField()),
                ("action", models.CharField(max_length=9)),
                ("created", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name="blogupdate",
            name="draft",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Not visible to readers until it is published.",
                verbose_name="draft",
            ),
        ),
        migrations.AddField(
            model_name="blogupdate",
            name="draft_saves",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="blogupdate",
            name="publish_at",
            field=models.DateTimeField(
                blank=True,
                help_text=(
                    "In UTC. The update stays a draft until then. Leave empty to not schedule it."
                ),
                null=True,
                verbose_name="publish at",
            ),
        ),
        migrations.AlterField(
            model_name="blogupdate",
            name="created_revision",
            field=models.PositiveBigIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="blogupdate",
            name="revision",
            field=models.PositiveBigIntegerField(
                blank=True, editable=False, null=True, verbose_name="revision"
            ),
        ),
        migrations.AddIndex(
            model_name="blogupdate",
            index=models.Index(
                condition=models.Q(("deleted", False), ("draft", True)),
                fields=["publish_at"],
                name="scheduled_next",
            ),
        ),
        migrations.AddConstraint(
            model_name="blogupdate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("draft", True), ("revision", None)),
                    models.Q(("draft", False), ("revision__isnull", False)),
                    _connector="OR",
                ),
                name="a_draft_has_no_revision",
            ),
        ),
        migrations.AddField(
            model_name="write",
            name="blog",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="writes",
                to="liveblog.liveblog",
            ),
        ),
        migrations.AddField(
            model_name="write",
            name="update",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="writes",
                to="liveblog.blogupdate",
            ),
        ),
        migrations.AddConstraint(
            model_name="write",
            constraint=models.UniqueConstraint(fields=("blog", "key"), name="one_write_a_key"),
        ),
    ]
