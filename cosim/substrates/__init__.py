"""One file per substrate: play an experiment's stimuli, compare with the substrate's prediction."""
