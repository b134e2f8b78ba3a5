"""From a Recipe to a better one, with the evidence that it is better."""
