"""Makes the question smaller before it is answered: evidence, contradictions, what is unasked."""
