"""Methods that use the admin API: users, roles, and the database."""
