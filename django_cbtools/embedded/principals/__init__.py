"""Users and roles: what is open to them, passwords, sessions."""
