"""What is asked for, and what of it exists already: requests, suites, plans, staleness."""
