"""HTTP: requests, replies, routes, tokens, faults, the proxy."""
