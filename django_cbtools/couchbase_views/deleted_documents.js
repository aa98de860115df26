// Soft-deleted documents by the day of their deletion: key "YYYY-MM-DD". See clear_st_deleted.
function (doc, meta) {
    if (meta.id.substring(0, 5) == "_sync" || doc.st_deleted !== true) {
        return;
    }
    emit(doc.updated ? doc.updated.substring(0, 10) : "0000-00-00", null);
}
