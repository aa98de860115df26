"""Pages that work without a network. A service worker keeps the files that they need.

The setting OFFLINE_MANIFEST names the files; see docs/offline.rst.
"""
