from articles.models import CBArticle
from django.test import TestCase

from django_cbtools.management.commands.create_cb_views import Command
from django_cbtools.models import query_view
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets


class ArticleTest(TestCase):
    def setUp(self):
        super().setUp()
        SyncGateway.put_admin_user()
        clean_buckets()
        command = Command()
        command.handle()

    def test_first(self):
        article = CBArticle(title="t", channels=["c"], author_uid="aut_1")
        article.save()
        self.assertEqual(query_view("by_author", "aut_1"), [article.uid])

    def test_second(self):
        self.assertEqual(query_view("by_author", "aut_1"), [])
        self.test_first()


class OtherTest(ArticleTest):
    """In another process, where tests run in parallel."""
