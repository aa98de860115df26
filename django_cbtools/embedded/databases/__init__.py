"""What an administrator does to a database: configuration, states, jobs."""
