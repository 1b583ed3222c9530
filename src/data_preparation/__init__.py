"""Stage 1: raw exports become tables that training reads."""
