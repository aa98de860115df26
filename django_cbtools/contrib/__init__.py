"""Apps that a project may leave out."""
