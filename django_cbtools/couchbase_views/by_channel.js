// Documents by channel and type: key ["channel", "doc_type"].
function (doc, meta) {
    if (meta.id.substring(0, 5) == "_sync" || doc.st_deleted || !Array.isArray(doc.channels)) {
        return;
    }
    doc.channels.forEach(function (channel) {
        emit([channel, doc.doc_type], null);
    });
}
