"""`python -m channels_realtime doctor PROJECT`: what a project needs to run on Django 5.2.

It reads source and imports nothing of the project. `rules` is the table of what is looked for.
`django_code` and `channels_code` find what is more than a name, `project` applies the table to a
folder, and `report` prints what was found.
"""
