"""From the name of a model to an answer: which targets there are, and who is asked when."""
