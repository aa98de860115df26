"""Documents in Django's ORM, over the embedded gateway's SQLite file."""
