"""Pages that work without a network: a service worker keeps the files that they need.

OFFLINE_MANIFEST in the settings names them; docs/offline.rst says how.
"""
