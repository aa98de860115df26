"""The signals of documents. The sender is the document's class.

``cb_pre_save(instance)``, ``cb_post_save(instance, created)``, ``cb_pre_delete(instance)`` and
``cb_post_delete(instance)`` are sent for each document that is saved or deleted, in bulk, too.
Deletion is soft, so it saves: the save signals are sent inside the delete signals.

Django's own signals are sent for documents as for any model. For them, a soft deletion is a
deletion, without ``pre_save`` and ``post_save``. If documents are deleted by themselves,
``pre_delete`` and ``post_delete`` have another argument: ``hard``, which is True for a deletion for
real. Documents that are deleted because of an ordinary row are deleted softly.

``cb_changed`` and ``cb_removed`` report what anybody has written, phones above all. ``manage.py
follow_sg_changes`` sends them (docs/phones.rst), and ``capture_changes()`` in tests:

``cb_changed(instance, created, deleted, seq, by_us)``: a document has been written. ``created`` is
True for its first revision, else None, since the document may have been created and changed before
anybody looked. ``deleted`` is True if it is deleted softly. ``seq`` is its place in the feed, a
text. ``by_us`` is True if this site is known to have written the revision (docs/phones.rst, "Who
wrote it").

``cb_removed(uid, rev, deleted, seq, by_us)``: a document has gone. ``deleted`` is True for a
tombstone, and False if SYNC_GATEWAY_USER may no longer read the document. The ``doc_type`` has
gone, too, so the sender is the class with the ``uid_prefix`` of the uid. It is CouchbaseModel if no
class or several classes have it.
"""

from django.db.models.signals import ModelSignal

cb_pre_save = ModelSignal(use_caching=True)
cb_post_save = ModelSignal(use_caching=True)
cb_pre_delete = ModelSignal(use_caching=True)
cb_post_delete = ModelSignal(use_caching=True)
cb_changed = ModelSignal(use_caching=True)
cb_removed = ModelSignal(use_caching=True)
