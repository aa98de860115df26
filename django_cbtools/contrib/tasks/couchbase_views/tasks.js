// Tasks that are to be done, that have failed, and that nobody has signed, where there is no ORM.
function (doc, meta) {
    if (doc.doc_type != "django_task" || doc.stage == "done") {
        return;
    }
    if (doc.st_deleted) {
        emit(["unsigned", doc.backend, doc.queue, doc.priority, doc.due], null);
    } else {
        emit([doc.stage, doc.backend, doc.queue, doc.priority, doc.due], null);
    }
}
