// Airports by country: key "country's code", value [longitude, latitude] to draw maps with.
function (doc, meta) {
    if (doc.doc_type == 'airport' && !doc.st_deleted) {
        emit(doc.country, [doc.lon, doc.lat]);
    }
}
