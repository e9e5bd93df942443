"""rheobase: a neuron described once, realised four times, held against itself."""

__version__ = "0.1.0"
