"""Singling out, linkability and inference beside the package that defined them."""
