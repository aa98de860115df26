"""URLconfs for the gateway's two APIs.

A Django site may include ``public``. Do not include ``admin`` in a site that others can reach: the
admin API asks for no password.
"""
