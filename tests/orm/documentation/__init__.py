"""The examples of Django's documentation, asked of real airports."""
