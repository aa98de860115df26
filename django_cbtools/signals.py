"""Signals of documents; the sender is the document's class.

``cb_pre_save(instance)``, ``cb_post_save(instance, created)``, ``cb_pre_delete(instance)`` and
``cb_post_delete(instance)``. Deleting is soft, so it saves: the save signals are sent inside the
delete signals.
"""

from django.db.models.signals import ModelSignal

cb_pre_save = ModelSignal(use_caching=True)
cb_post_save = ModelSignal(use_caching=True)
cb_pre_delete = ModelSignal(use_caching=True)
cb_post_delete = ModelSignal(use_caching=True)
