"""The results page, made of the committed results of the studies."""
