// Documents by type, oldest change first: key ["doc_type", "live", "updated"], "deleted" in place of
// "live" where they are deleted softly; and all of them under "all". The admin lists them by it where
// there is no ORM.
function (doc, meta) {
    if (meta.id.substring(0, 5) == "_sync" || typeof doc.doc_type != "string") {
        return;
    }
    emit([doc.doc_type, "all", doc.updated], null);
    emit([doc.doc_type, doc.st_deleted === true ? "deleted" : "live", doc.updated], null);
}
