"""Networks beside those of other packages, as studies whose other generators are commands."""
