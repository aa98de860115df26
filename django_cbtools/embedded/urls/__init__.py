"""URLconfs for the gateway's two APIs.

A Django site may include ``public``. Never include ``admin`` in a site: the admin API does not ask
for a password.
"""
