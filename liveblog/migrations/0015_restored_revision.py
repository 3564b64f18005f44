from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("liveblog", "0014_correction"),
    ]

    operations = [
        migrations.AddField(
            model_name="liveblog",
            name="restored_revision",
            field=models.PositiveBigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="liveblog",
            name="resumed_revision",
            field=models.PositiveBigIntegerField(editable=False, null=True),
        ),
    ]
