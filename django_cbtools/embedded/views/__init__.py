"""Views: design documents, their indexes, queries and reduces."""
