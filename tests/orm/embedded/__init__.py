"""What is the embedded backend's own: SQLite's SQL, plans, indexes, files and transactions, and
joins of documents with ordinary tables of the same file. Other backends are not asked it.
"""
