"""The editor's page: forms, roles, drafts and history."""
