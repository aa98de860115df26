"""Django users as users of the gateway: their channels, roles and sessions."""
