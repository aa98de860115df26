// Articles by their author: key "author's uid".
function (doc, meta) {
    if (doc.st_deleted) {
        return;
    }
    if (doc.doc_type != 'article') {
        return;
    }
    emit(doc.author_uid, null);
}
