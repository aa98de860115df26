"""Administration of databases: configurations, states, and background jobs."""
