"""Does a contract of purposes help the purposes? Half of Adult, with and without steering."""
