import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "site_of_mine.settings"
django.setup()

from articles.models import CBArticle, CBAuthor

from django_cbtools.models import (
    CHANNEL_PUBLIC,
    CouchbaseModelError,
    Query,
    get_stale,
    load_related_objects,
    query_objects,
    query_view,
)
from django_cbtools.sync_gateway import SyncGateway

# Getting documents
article = CBArticle()
article.title = "You & Couchbase"
article = CBArticle(title="You & Couchbase")

# Saving documents / channels
try:
    article.save()
except CouchbaseModelError as error:
    assert str(error) == "Empty channels list can not be saved"
else:
    raise AssertionError

author = CBAuthor(name="Ann", channels=["channel_name"])
author.save()
article = CBArticle(title="Couchbase & You", channels=["channel_name"])
article.author_uid = author.uid
article.save()
other = CBArticle(title="Couchbase & You", author_uid=author.uid)
other.append_channel("some_user_name")
other.save()

# Load documents
article = CBArticle(article.uid)
assert article.title == "Couchbase & You"
print(article)

# Load related documents
load_related_objects([article], "author", CBAuthor)
assert article.author.name == "Ann"

# Views helper functions
assert get_stale() is False
assert set(query_view("by_author", author.uid)) == {article.uid, other.uid}
query = Query(keys=[author.uid, "aut_8b3d5f8249fef9d1b"], stale=get_stale())
uids = query_view("by_author", query_key=None, query=query)
assert set(uids) == {article.uid, other.uid}
assert set(query_objects("by_author", author.uid, CBArticle)) == {article, other}

# Removing documents
other.delete()
assert CBArticle(other.uid).st_deleted
assert query_view("by_author", author.uid) == [article.uid]
assert query_objects("by_author", author.uid, CBArticle) == [article]

# Sync Gateway users
article = CBArticle()
article.append_channel(CHANNEL_PUBLIC)
article.save()
SyncGateway.put_user("username", "some@email.com", "pass", ["user_channel"])
user = SyncGateway.get_user("username")
assert set(user["admin_channels"]) == {"user_channel", "public"}
SyncGateway.change_username("username", "new_username", "pass")
SyncGateway.delete_user("new_username")
assert SyncGateway.get_users() == ["django_cbtools_admin", "django_cbtools_guest"]

print("the tutorial is done")
