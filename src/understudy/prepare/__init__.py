"""Private preparation: what every column is and how it is spread, learned by paying for it.

`learn` asks the curator; `roles`, `kinds` and `discretise` decide from its noisy answers;
`attributes` holds the result and decodes codes back into cells; `standins` replaces direct
identifiers. What may not happen here: a look at a row.
"""
