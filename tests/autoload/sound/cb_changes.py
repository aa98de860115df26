from django.dispatch import receiver

from django_cbtools.signals import cb_changed
from tests.testapp.models import CBArticle


@receiver(cb_changed, sender=CBArticle)
def hear(**kwargs):
    """It need only be connected."""
