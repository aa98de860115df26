"""A site with an admin of documents, and a browser."""
