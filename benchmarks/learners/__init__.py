"""Private learners beside their forms without privacy, beside a synthetic table, beside diffprivlib."""
