"""Where they meet: experiments, substrates, engines, budgets, verdicts, reports."""
