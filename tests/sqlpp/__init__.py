"""The ORM's suite by SQL++: asked of a query service, or compared with what has been recorded."""
