from django.dispatch import Signal

# An account's `is_insufficient` has changed; sent inside the transaction that saves it.
# Arguments: account, using (the database's alias).
turned = Signal()
