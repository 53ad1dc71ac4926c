"""How good labels are, without a truth: random windows that a user looks at, their error rate."""
