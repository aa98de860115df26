function (doc, meta) {
    if (doc.st_deleted || doc.doc_type != 'article') {
        return;
    }
    emit(doc.author_uid, null);
}
