"""Documents: revisions, writes, the sync function, attachments, expiry."""
