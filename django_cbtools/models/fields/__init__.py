"""Fields of documents, their values in JSON, and expressions for members of arrays and objects."""
