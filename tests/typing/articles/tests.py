from django.test import TestCase

from django_cbtools.management.commands.create_cb_views import Command
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets

from . import tutorial
from .models import CBArticle


class ArticleTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        clean_buckets()
        command = Command()
        command.handle()

    def test_tutorial(self) -> None:
        tutorial.run()

    def test_nothing_is_left(self) -> None:
        self.assertEqual(SyncGateway.all_docs([], really_all=True)["rows"], [])
        self.assertFalse(CBArticle.all_objects.exists())
