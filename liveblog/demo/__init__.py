"""A coverage to play into a blog: the Apollo 11 landing, 20 and 21 July 1969.

`apollo11.json` is a list of steps in time order. Each has `at` (seconds since the first step,
which happened at 17:40 UTC on 20 July), `action` (create, change or delete), `key` (what later
steps call the update by) and, to create or change, fields of `BlogUpdate`. Bodies are Markdown.
"""

TITLE = "Apollo 11: the landing"
DESCRIPTION = (
    "From the undocking above the Moon to the docking a day later, in the rhythm of "
    "20 and 21 July 1969. Times in the text are UTC."
)
