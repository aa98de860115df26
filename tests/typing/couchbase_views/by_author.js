function (doc, meta) {
    if (doc.st_deleted) {
        // the document is deleted, nothing to index
        return;
    }
    if (doc.doc_type != 'article') {
        // it's not an article document, not for this index
        return;
    }
    emit(doc.author_uid, null)
}
