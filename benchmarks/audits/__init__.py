"""Audits of other people's generators: what the black-box audit finds in them."""
