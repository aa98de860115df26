"""Signals of documents; the sender is the document's class.

``cb_pre_save(instance)``, ``cb_post_save(instance, created)``, ``cb_pre_delete(instance)`` and
``cb_post_delete(instance)``. Deleting is soft, so it saves: the save signals are sent inside the
delete signals. They are sent for each document that is written in bulk, too.

Django's own signals are sent for documents as for any model. To them, a soft deletion is a
deletion, and sends no ``pre_save`` nor ``post_save``. ``pre_delete`` and ``post_delete`` have one
more argument where documents are deleted as such: ``hard``, which is True where it is for real.
What is deleted because an ordinary row is, is deleted softly.
"""

from django.db.models.signals import ModelSignal

cb_pre_save = ModelSignal(use_caching=True)
cb_post_save = ModelSignal(use_caching=True)
cb_pre_delete = ModelSignal(use_caching=True)
cb_post_delete = ModelSignal(use_caching=True)
