"""Documents, their attachments and their revisions: written, read, deleted."""
