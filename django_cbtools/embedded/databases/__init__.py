"""Administration of databases: their configuration, their state, and jobs."""
