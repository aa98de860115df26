"""Methods about documents, their attachments and their revisions."""
