"""Users and roles: their channels and grants, passwords, and sessions."""
