"""Who may come in: hosts, tokens, the secret of a start; what goes wrong on request; where the proxy leads."""
