"""The class SyncGateway, with all methods of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import sync_to_async

from . import keyspaces
from .admin.administration import Administration
from .admin.roles import Roles
from .admin.users import Users
from .calls.client import PUBLIC
from .documents.attachments import Attachments
from .documents.documents import Documents
from .documents.revisions import Revisions
from .feed.changes import ChangeFeeds
from .feed.leaves import Leaves

if TYPE_CHECKING:
    from requests.auth import HTTPBasicAuth

    from .bound import Bound


class SyncGateway(
    Attachments, ChangeFeeds, Documents, Leaves, Revisions, Users, Roles, Administration
):
    """A client of the gateway's REST API.

    It reads and writes documents and attachments, follows changes, and administers users, roles and
    the database. All methods raise :exc:`SyncGatewayException` or one of its subclasses.
    """

    @staticmethod
    def get_auth() -> HTTPBasicAuth | None:
        """Return the login that documents are read and written with."""
        from .transport import transport

        return transport.auth(PUBLIC)

    @staticmethod
    def as_user(name: str, password: str) -> Bound:
        """Return the methods of documents, called as a user of the gateway, as a phone does.

        For example, ``SyncGateway.as_user("alice", "secret").all_docs(["atl_1"])``. The object has
        its own connections, so keep it if you use it again. It has no methods of the admin API.
        """
        from .bound import Bound

        return Bound(SyncGateway).as_user(name, password)

    @staticmethod
    def in_keyspace(keyspace: str | None) -> Bound:
        """Return the methods of documents for a collection, ``"scope.collection"``.

        For example, ``SyncGateway.in_keyspace("inventory.airlines").all_docs(["atl_1"])``. None is
        the default collection, which is also used without this method.

        Raises ValueError if ``keyspace`` is not the name of a collection. The methods raise
        SyncGatewayNotFound if the database does not have the collection.
        """
        from .bound import Bound

        return Bound(SyncGateway).in_keyspace(keyspace)

    # ------------------------------------------------ async twins of all above

    aget_attachment = staticmethod(sync_to_async(Attachments.get_attachment))
    aput_attachment = staticmethod(sync_to_async(Attachments.put_attachment))
    adelete_attachment = staticmethod(sync_to_async(Attachments.delete_attachment))
    asave_json = staticmethod(sync_to_async(Documents.save_json))
    asave_document = staticmethod(sync_to_async(Documents.save_document))
    asave_documents = staticmethod(sync_to_async(Documents.save_documents))
    abulk_docs = staticmethod(sync_to_async(Documents.bulk_docs))
    adelete_document = staticmethod(sync_to_async(Documents.delete_document))
    aall_docs = staticmethod(sync_to_async(Documents.all_docs))
    abulk_get = staticmethod(sync_to_async(Documents.bulk_get))
    aget_leaves = staticmethod(sync_to_async(Leaves.get_leaves))
    aget_revisions = staticmethod(sync_to_async(Revisions.get_revisions))
    aput_user = staticmethod(sync_to_async(Users.put_user))
    aget_user = staticmethod(sync_to_async(Users.get_user))
    aget_users = staticmethod(sync_to_async(Users.get_users))
    achange_username = staticmethod(sync_to_async(Users.change_username))
    adelete_user = staticmethod(sync_to_async(Users.delete_user))
    aappend_channels = staticmethod(sync_to_async(Users.append_channels))
    aremove_channels = staticmethod(sync_to_async(Users.remove_channels))
    aappend_roles = staticmethod(sync_to_async(Users.append_roles))
    aremove_roles = staticmethod(sync_to_async(Users.remove_roles))
    aput_admin_user = staticmethod(sync_to_async(Users.put_admin_user))
    aput_guest_user = staticmethod(sync_to_async(Users.put_guest_user))
    acreate_session = staticmethod(sync_to_async(Users.create_session))
    aget_session = staticmethod(sync_to_async(Users.get_session))
    adelete_session = staticmethod(sync_to_async(Users.delete_session))
    adelete_sessions = staticmethod(sync_to_async(Users.delete_sessions))
    aput_role = staticmethod(sync_to_async(Roles.put_role))
    aget_role = staticmethod(sync_to_async(Roles.get_role))
    aget_roles = staticmethod(sync_to_async(Roles.get_roles))
    adelete_role = staticmethod(sync_to_async(Roles.delete_role))
    adatabase_state = staticmethod(sync_to_async(Administration.database_state))
    aget_database = staticmethod(sync_to_async(Administration.get_database))
    acreate_database = staticmethod(sync_to_async(Administration.create_database))
    aget_config = staticmethod(sync_to_async(Administration.get_config))
    aupdate_config = staticmethod(sync_to_async(Administration.update_config))
    aget_sync_function = staticmethod(sync_to_async(Administration.get_sync_function))
    aput_sync_function = staticmethod(sync_to_async(Administration.put_sync_function))
    atake_offline = staticmethod(sync_to_async(Administration.take_offline))
    abring_online = staticmethod(sync_to_async(Administration.bring_online))
    astart_resync = staticmethod(sync_to_async(Administration.start_resync))
    astop_resync = staticmethod(sync_to_async(Administration.stop_resync))
    aget_resync = staticmethod(sync_to_async(Administration.get_resync))
    apurge = staticmethod(sync_to_async(Administration.purge))


def gateway_of(model: Any) -> type[SyncGateway]:
    """Return SyncGateway for the keyspace of a document class. Use it at once: it depends on the
    current keyspace."""
    keyspace = keyspaces.of_class(model)
    if keyspace == keyspaces.current():
        return SyncGateway
    return cast("type[SyncGateway]", SyncGateway.in_keyspace(keyspace))
