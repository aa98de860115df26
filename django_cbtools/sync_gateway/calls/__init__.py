"""One request to the gateway and its answer: attempts, errors, JSON."""
