"""Django's users, groups and permissions in documents: ``AUTH_USER_MODEL = "cb_auth.User"``."""
