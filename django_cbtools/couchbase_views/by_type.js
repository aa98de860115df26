// Documents by type: key "doc_type".
function (doc, meta) {
    if (meta.id.substring(0, 5) == "_sync" || doc.st_deleted) {
        return;
    }
    emit(doc.doc_type, null);
}
