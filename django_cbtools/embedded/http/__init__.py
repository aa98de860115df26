"""HTTP as the gateway speaks it: requests, answers, compression, CORS. It knows no documents."""
