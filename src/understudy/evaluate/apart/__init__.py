"""How well somebody tells real and synthetic rows apart: pMSE ratios, classifier two-sample tests.

`pooled` piles rows of both tables up, `logistic` fits what is fitted most often. What may not happen
here: a verdict on privacy.
"""
