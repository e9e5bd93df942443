"""What should happen: neurons, stimuli, theory, simulators, integer models."""
