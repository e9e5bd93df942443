"""What should happen: neurons, stimuli, theory, reference simulators, integer models. Knows no hardware."""
