"""The signals of documents. The sender is the document's class.

``cb_pre_save(instance)``, ``cb_post_save(instance, created)``, ``cb_pre_delete(instance)`` and
``cb_post_delete(instance)``. Deleting is soft, so it saves: the save signals are sent inside the
delete signals. They are sent for each document that is written in bulk, too.

Django's own signals are sent for documents as for any model. To them, a soft deletion is a
deletion, and sends no ``pre_save`` nor ``post_save``. ``pre_delete`` and ``post_delete`` have one
more argument where documents are deleted as such: ``hard``, which is True where it is for real.
What is deleted because an ordinary row is, is deleted softly.

``cb_changed`` and ``cb_removed`` tell of what anybody has written, phones above all. They are sent
where ``manage.py follow_sg_changes`` runs (docs/phones.rst), and in tests by ``capture_changes()``:

``cb_changed(instance, created, deleted, seq, by_us)``: a document has been written. ``created`` is
True for its first revision, else None: it may have been made and changed since anybody looked.
``deleted`` is True where it is deleted softly. ``seq`` is its place in the feed, a text. ``by_us``
is True where this site is known to have written that revision (docs/phones.rst, "Who wrote it").

``cb_removed(uid, rev, deleted, seq, by_us)``: a document has gone. ``deleted`` is True for a
tombstone, False where SYNC_GATEWAY_USER may not read it any more. Its ``doc_type`` has gone too, so
the sender is the class that has the uid's ``uid_prefix``; where none or several have it, it is
CouchbaseModel.
"""

from django.db.models.signals import ModelSignal

cb_pre_save = ModelSignal(use_caching=True)
cb_post_save = ModelSignal(use_caching=True)
cb_pre_delete = ModelSignal(use_caching=True)
cb_post_delete = ModelSignal(use_caching=True)
cb_changed = ModelSignal(use_caching=True)
cb_removed = ModelSignal(use_caching=True)
