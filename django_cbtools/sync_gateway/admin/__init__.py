"""What only the admin API does: users and roles, and the database itself."""
