from django_cbtools.models import register_merge
from tests.testapp.models import CBArticle


@register_merge(CBArticle)
def first(leaves):
    return leaves[0]
