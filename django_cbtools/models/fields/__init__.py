"""Fields of documents: their values in JSON, and what lies within arrays and objects."""
