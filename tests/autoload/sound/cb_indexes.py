from tests.testapp.models import CBArticle

FIELD_INDEXES = {
    CBArticle: {"indexed": ["title"], "unindexed": ["author"]},
}
