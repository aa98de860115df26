// Deployed by manage.py create_sg_database. Web pages and phones write field notes, each in
// channels that its user has. All other documents are written by the site, which has all: "*"; and
// so are all other ids, which are left free for it.
function (doc, oldDoc) {
  channel(doc.channels);
  var isNote = /^note_/.test(doc._id) && doc.doc_type === "note" && !doc._deleted;
  var wasNote = !oldDoc || oldDoc._deleted || oldDoc.doc_type === "note";
  var channels = [].concat(doc.channels || [], (oldDoc && oldDoc.channels) || []);
  if (!isNote || !wasNote || !channels.length) {
    requireAccess("*");
  }
  for (var i = 0; i < channels.length; i++) {
    requireAccess([channels[i], "*"]);
  }
}
